"""ExponentialLR in closed form, compared with torch's recursive scheduler.

Source: torch.optim.lr_scheduler.ExponentialLR, PyTorch 2.x
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR


def learning_rate(step: int, base_lr: float = 0.1, gamma: float = 0.98) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        gamma: ratio of one rate to the one before. For ``r`` times the base rate after ``n`` steps: ``r ** (1 / n)``.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * gamma**step


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = ExponentialLR(optimizer, gamma=0.98)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
