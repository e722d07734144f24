"""Inverse square root (Noam) schedule: a linear ramp, then the rate falls like 1 / sqrt(update), without an end.

Source: Vaswani et al., "Attention Is All You Need", 2017, equation 3
"""

import math
from functools import partial

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def factor(step: int, warmup_steps: int, peak: float) -> float:
    """Factor of ``lr`` for update ``step``, counted from 0."""
    number = step + 1  # the paper counts updates from 1
    return peak * min(number / warmup_steps, math.sqrt(warmup_steps / number))


def make_scheduler(
    optimizer: torch.optim.Optimizer, warmup_steps: int = 100, d_model: int | None = None
) -> LRScheduler:
    """Peak at update number ``warmup_steps``, counted from 1; after it ``sqrt(warmup_steps / number)`` of the peak.

    Args:
        optimizer: its groups' ``lr`` are the peak rates, or, with ``d_model``, factors of the paper's rate.
        warmup_steps: updates up to the peak, at least 1.
        d_model: None to set the peak by ``lr``; the model's width for the paper's own peak
            ``(d_model * warmup_steps) ** -0.5``, which then needs ``lr=1.0``.

    Raises:
        ValueError: for ``warmup_steps`` or ``d_model`` below 1.
    """
    if warmup_steps < 1 or (d_model is not None and d_model < 1):
        raise ValueError(f"need warmup_steps >= 1 and d_model >= 1, got {warmup_steps} and {d_model}")
    peak = 1.0 if d_model is None else (d_model * warmup_steps) ** -0.5
    # a nested function could not be pickled
    return LambdaLR(optimizer, partial(factor, warmup_steps=warmup_steps, peak=peak))


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98))
    scheduler = make_scheduler(optimizer, warmup_steps=20)
    rates = []
    for _ in range(320):
        batch = torch.randint(256, (32,))
        loss = nn.functional.mse_loss(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()  # after every update
    print("updates 1, 10, 20:", " ".join(f"{rates[number - 1]:.5f}" for number in (1, 10, 20)))
    print("updates 80, 320:  ", " ".join(f"{rates[number - 1]:.5f}" for number in (80, 320)))
    for warmup in (4000, 1000):
        paper = torch.optim.AdamW(nn.Linear(1, 1).parameters(), lr=1.0)
        first = make_scheduler(paper, warmup_steps=warmup, d_model=512).get_last_lr()[0]
        print(f"paper's peak, width 512, warm-up {warmup}: {warmup * first:.6f}")
