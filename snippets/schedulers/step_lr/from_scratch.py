"""StepLR in closed form, compared with torch's recursive scheduler.

Source: Ge et al., "The Step Decay Schedule", 2019 (theory); torch.optim.lr_scheduler.StepLR
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR


def learning_rate(step: int, base_lr: float = 0.1, step_size: int = 30, gamma: float = 0.1) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        step_size: length of a stair in ``scheduler.step()`` calls: epochs, if it steps once per epoch.
        gamma: ratio of one stair to the one before, between 0 and 1.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * gamma ** (step // step_size)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = StepLR(optimizer, step_size=30)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
