"""MultiStepLR in closed form, compared with torch's recursive scheduler.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015, section 4.2
"""

from bisect import bisect_right

import torch
from torch import nn
from torch.optim.lr_scheduler import MultiStepLR


def learning_rate(
    step: int, base_lr: float = 0.1, milestones: tuple[int, ...] = (100, 150), gamma: float = 0.1
) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        milestones: steps of the schedule from which on a new stair begins, in any order; one given twice counts twice.
        gamma: ratio of one stair to the one before, between 0 and 1.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * gamma ** bisect_right(sorted(milestones), step)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = MultiStepLR(optimizer, milestones=[100, 150])
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
