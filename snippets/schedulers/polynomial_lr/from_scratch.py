"""PolynomialLR in closed form, compared with torch's recursive scheduler.

Source: Chen et al., "DeepLab", 2016 (poly policy); torch.optim.lr_scheduler.PolynomialLR
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import PolynomialLR


def learning_rate(step: int, base_lr: float = 0.1, total_iters: int = 200, power: float = 0.9) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        total_iters: steps to zero: all updates of the run, if it steps after each.
        power: 1 is a straight line, above 1 falls early, below 1 falls late.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return float(base_lr * (1 - min(step, total_iters) / total_iters) ** power)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = PolynomialLR(optimizer, total_iters=200, power=0.9)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
