"""Warmup-stable-decay in closed form, compared with SequentialLR of three schedulers of torch.

Source: Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies", 2024
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, LinearLR, SequentialLR


def learning_rate(
    step: int,
    base_lr: float = 0.1,
    warmup_steps: int = 20,
    total_steps: int = 250,
    decay_steps: int = 50,
    shape: str = "1-sqrt",
) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: updates made before this one; from ``total_steps`` on the rate is 0.
        base_lr: rate of the stable phase.
        warmup_steps: updates of warm-up; 0 for none.
        total_steps: updates of the whole run.
        decay_steps: updates of the decay.
        shape: ``1-sqrt``, ``linear`` or ``cosine``.

    Raises:
        ValueError: for a negative step or phases that do not fit.
    """
    if step < 0 or warmup_steps + decay_steps > total_steps:
        raise ValueError(f"step {step}, {warmup_steps} + {decay_steps} of {total_steps} updates")
    if step < warmup_steps:
        return base_lr * (step + 1) / warmup_steps
    left = total_steps - step  # updates, this one included
    if left >= decay_steps:
        return base_lr
    part = min(1.0, 1 - left / decay_steps)
    if shape == "cosine":
        return base_lr * math.cos(math.pi * part / 2) ** 2
    return base_lr * (1 - part ** (0.5 if shape == "1-sqrt" else 1.0))


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    parts = [LinearLR(optimizer, 1 / 20, total_iters=19), ConstantLR(optimizer, 1.0), LinearLR(optimizer, 1.0, 0.0, 50)]
    scheduler = SequentialLR(optimizer, parts, milestones=[20, 200])
    largest = 0.0
    for step in range(250):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step, shape="linear")))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 250 steps: {largest:.12f}")
