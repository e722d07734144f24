"""A ramp and a cosine joined by hand, compared with torch's SequentialLR.

Source: torch.optim.lr_scheduler.SequentialLR, PyTorch 2.x
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR


def learning_rate(
    step: int, base_lr: float = 0.1, warmup_steps: int = 50, total_steps: int = 400, start_factor: float = 0.02
) -> float:
    """Rate of update number ``step``, counted from 0: each part counts from its own milestone.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's peak.
        warmup_steps: updates of the ramp.
        total_steps: updates of the whole run.
        start_factor: first rate as a fraction of the peak.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    if step < warmup_steps:
        return base_lr * (start_factor + (1 - start_factor) * step / warmup_steps)
    return base_lr * (1 + math.cos(math.pi * (step - warmup_steps) / (total_steps - warmup_steps))) / 2


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    ramp = LinearLR(optimizer, start_factor=0.02, total_iters=50)
    scheduler = SequentialLR(optimizer, [ramp, CosineAnnealingLR(optimizer, T_max=350)], milestones=[50])
    largest = 0.0
    for step in range(400):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 400 steps: {largest:.12f}")
