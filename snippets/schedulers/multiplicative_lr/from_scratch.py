"""MultiplicativeLR without torch: the base rate times a product.

Source: torch.optim.lr_scheduler.MultiplicativeLR, PyTorch 2.x
"""

import math
from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import MultiplicativeLR


def slower_and_slower(step: int) -> float:
    """Factor between update ``step - 1`` and update ``step``: the ratio of two values of 1 / (1 + t / 50)."""
    return (50 + step - 1) / (50 + step)


def learning_rate(step: int, base_lr: float = 0.1, lr_lambda: Callable[[int], float] = slower_and_slower) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        lr_lambda: ratio of the new rate to the one before; called first with 1.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * math.prod(lr_lambda(t) for t in range(1, step + 1))


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = MultiplicativeLR(optimizer, slower_and_slower)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
