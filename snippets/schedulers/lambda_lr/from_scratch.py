"""LambdaLR without torch: the base rate times a function of the step.

Source: torch.optim.lr_scheduler.LambdaLR, PyTorch 2.x
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


def inverse_time(step: int) -> float:
    """Factor 1 at the start, 1/2 after 50 steps: 50 / (50 + step)."""
    return 1 / (1 + step / 50)


def learning_rate(step: int, base_lr: float = 0.1, lr_lambda: Callable[[int], float] = inverse_time) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        lr_lambda: factor of the base rate for update ``t``, counted from 0. torch takes a list too, one for each group.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * lr_lambda(step)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = LambdaLR(optimizer, inverse_time)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
