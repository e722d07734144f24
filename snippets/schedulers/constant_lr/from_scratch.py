"""ConstantLR in closed form, compared with torch's recursive scheduler.

Source: Goyal et al., 2017, section 2.2 (constant warm-up); torch.optim.lr_scheduler.ConstantLR
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR


def learning_rate(step: int, base_lr: float = 0.1, factor: float = 0.1, total_iters: int = 50) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        factor: factor of the first updates, in (0, 1]; torch accepts 0 and then divides by it.
        total_iters: updates with the low rate, a whole number above 0; torch never jumps back from others.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * (factor if step < total_iters else 1.0)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = ConstantLR(optimizer, factor=0.1, total_iters=50)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
