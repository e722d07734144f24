"""Linear decay to zero in closed form, compared with torch's LinearLR.

Source: Li et al., "Budgeted Training", 2019, section 3
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR


def learning_rate(step: int, base_lr: float = 0.1, total_steps: int = 200) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        total_steps: updates of the whole run: the budget.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return base_lr * max(0.0, 1 - step / total_steps)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=200)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
