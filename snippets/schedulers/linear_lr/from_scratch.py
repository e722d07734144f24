"""LinearLR in closed form, compared with torch's recursive scheduler.

Source: torch.optim.lr_scheduler.LinearLR, PyTorch 2.x
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR


def learning_rate(
    step: int, base_lr: float = 0.1, start_factor: float = 0.1, end_factor: float = 1.0, total_iters: int = 50
) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule.
        start_factor: factor of update 0, in (0, 1].
        end_factor: factor from update ``total_iters`` on, in [0, 1].
        total_iters: steps from the first factor to the last, so the ramp has ``total_iters + 1`` values.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    factor = start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters
    return base_lr * factor


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = LinearLR(optimizer, start_factor=0.1, total_iters=50)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
