"""Warm-up + cosine decay in closed form, compared with torch's SequentialLR of LinearLR and CosineAnnealingLR.

Source: Loshchilov and Hutter, 2016, equation 5 (cosine); Goyal et al., 2017, section 2.2 (warm-up)
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR


def learning_rate(
    step: int,
    base_lr: float = 0.1,
    warmup_steps: int = 20,
    total_steps: int = 250,
    min_ratio: float = 0.0,
    start_factor: float | None = None,
) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: updates made before this one; from ``total_steps`` on the rate stays the same.
        base_lr: peak rate, used by updates ``warmup_steps - 1`` and ``warmup_steps``.
        warmup_steps: updates of warm-up; 0 for none.
        total_steps: updates of the whole run.
        min_ratio: rate at ``total_steps`` as a fraction of the peak.
        start_factor: first rate as a fraction of the peak; None for ``1 / warmup_steps``.

    Raises:
        ValueError: for a negative step or a warm-up that does not end before the run.
    """
    if step < 0 or not 0 <= warmup_steps < total_steps:
        raise ValueError(f"step {step}, warmup_steps {warmup_steps}, total_steps {total_steps}")
    if step < warmup_steps:
        first = 1 / warmup_steps if start_factor is None else start_factor
        return base_lr * (first + (1 - first) * (step / (warmup_steps - 1) if warmup_steps > 1 else 1))
    progress = min(1.0, (step - warmup_steps) / (total_steps - warmup_steps))
    return base_lr * (min_ratio + (1 - min_ratio) * (1 + math.cos(math.pi * progress)) / 2)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    parts = [LinearLR(optimizer, start_factor=1 / 20, total_iters=19), CosineAnnealingLR(optimizer, T_max=230)]
    scheduler = SequentialLR(optimizer, parts, milestones=[20])
    largest = 0.0
    for step in range(251):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 251 steps: {largest:.12f}")
