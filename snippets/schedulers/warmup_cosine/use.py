"""Warm-up + cosine decay as one function of the step: the schedule to start with.

Source: Loshchilov and Hutter, 2016, section 3 (cosine); Goyal et al., 2017, section 2.2 (warm-up)
"""

import math
from functools import partial

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler, SequentialLR


def factor(step: int, warmup_steps: int, total_steps: int, min_ratio: float, start_factor: float | None) -> float:
    """Learning rate of update ``step``, counted from 0, as a fraction of the peak."""
    if step < warmup_steps:
        if start_factor is None or warmup_steps == 1:
            return (step + 1) / warmup_steps
        return start_factor + (1 - start_factor) * step / (warmup_steps - 1)
    progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return min_ratio + (1 - min_ratio) * (1 + math.cos(math.pi * progress)) / 2


def make_scheduler(
    optimizer: torch.optim.Optimizer,
    warmup_steps: int = 20,
    total_steps: int = 250,
    min_ratio: float = 0.0,
    start_factor: float | None = None,
) -> LRScheduler:
    """Linear from base/w to base in ``warmup_steps`` updates, then half a cosine, then constant.

    Args:
        optimizer: its groups' ``lr`` are the peak rates.
        warmup_steps: updates of warm-up; 0 for none.
        total_steps: updates of the whole run, warm-up included; more than ``warmup_steps``.
        min_ratio: rate at ``total_steps`` as a fraction of the peak, for every group.
        start_factor: rate of the first update as a fraction of the peak; None for ``1 / warmup_steps``. A warm-up of
            one update has the peak at once.

    Raises:
        ValueError: unless ``0 <= warmup_steps < total_steps``.
    """
    if not 0 <= warmup_steps < total_steps:
        raise ValueError(f"need 0 <= warmup_steps < total_steps, got {warmup_steps} and {total_steps}")
    lengths = {"warmup_steps": warmup_steps, "total_steps": total_steps}
    curve = partial(factor, **lengths, min_ratio=min_ratio, start_factor=start_factor)  # a lambda cannot be pickled
    return LambdaLR(optimizer, curve)


def make_sequential(
    optimizer: torch.optim.Optimizer, warmup_steps: int = 20, total_steps: int = 250, eta_min: float = 0.0
) -> LRScheduler:
    """The same curve up to ``total_steps`` from torch's own parts, for ``warmup_steps`` of at least 1.

    ``eta_min`` is the learning rate at the end, one for all groups: ``min_ratio`` times the peak.
    """
    warmup = LinearLR(optimizer, start_factor=1 / warmup_steps, total_iters=warmup_steps - 1)
    cosine = CosineAnnealingLR(optimizer, T_max=total_steps - warmup_steps, eta_min=eta_min)
    return SequentialLR(optimizer, [warmup, cosine], milestones=[warmup_steps])


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model, epochs = nn.Linear(10, 1), 10
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    total = epochs * len(loader)
    scheduler = make_scheduler(optimizer, warmup_steps=total // 20, total_steps=total, min_ratio=0.1)

    rates = []
    for _ in range(epochs):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
            scheduler.step()  # after every update, never per epoch
    print(f"updates {total}, of which warm-up {total // 20}")
    print("first six rates:", " ".join(f"{rate:.5f}" for rate in rates[:6]))
    print("last three rates:", " ".join(f"{rate:.5f}" for rate in rates[-3:]))
