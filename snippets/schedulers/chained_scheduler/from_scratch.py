"""The product of two factors, compared with torch's ChainedScheduler.

Source: torch.optim.lr_scheduler.ChainedScheduler, PyTorch 2.x
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR


def learning_rate(
    step: int, base_lr: float = 0.1, factor: float = 0.1, total_iters: int = 20, gamma: float = 0.99
) -> float:
    """Rate of update number ``step``, counted from 0: base times both factors.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        factor: the low rate of the start, as a fraction.
        total_iters: how many steps the low rate lasts.
        gamma: factor of the decay for each step.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * (factor if step < total_iters else 1.0) * gamma**step


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    parts = [ConstantLR(optimizer, factor=0.1, total_iters=20), ExponentialLR(optimizer, gamma=0.99)]
    scheduler = ChainedScheduler(parts, optimizer=optimizer)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
