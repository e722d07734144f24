"""Triangles in closed form, compared with torch's CyclicLR.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.
"""

from typing import Literal

import torch
from torch import nn
from torch.optim.lr_scheduler import CyclicLR


def learning_rate(
    step: int,
    base_lr: float = 0.1,
    low: float = 0.01,
    high: float = 0.1,
    step_size_up: int = 40,
    mode: str = "triangular",
    gamma: float = 1.0,
) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule; it does not matter.
        low: the lower bound.
        high: the upper bound.
        step_size_up: updates from the lower bound to the upper.
        mode: "triangular", "triangular2" or "exp_range".
        gamma: factor of the height for each update, for "exp_range".

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    cycle, place = divmod(step, 2 * step_size_up)
    height = 1 - abs(place / step_size_up - 1)  # 0 at the bottom, 1 at the top
    shrink = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": gamma**step}[mode]
    return low + (high - low) * height * shrink


if __name__ == "__main__":
    largest = 0.0
    cases: list[tuple[Literal["triangular", "triangular2", "exp_range"], float]]
    cases = [("triangular", 1.0), ("triangular2", 1.0), ("exp_range", 0.99)]
    for mode, gamma in cases:
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
        scheduler = CyclicLR(optimizer, 0.01, 0.1, step_size_up=40, mode=mode, gamma=gamma, cycle_momentum=False)
        for step in range(300):
            expected = learning_rate(step, mode=mode, gamma=gamma)
            largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - expected))
            optimizer.step()
            scheduler.step()
    print(f"largest difference over 300 steps in three modes: {largest:.12f}")
