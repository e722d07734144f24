"""One cycle in closed form, compared with torch's OneCycleLR.

Source: Smith and Topin, "Super-Convergence", 2017; two phases and cosines as in torch's defaults.
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR


def learning_rate(
    step: int,
    base_lr: float = 0.1,
    max_lr: float = 0.1,
    total_steps: int = 250,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate before the schedule; it does not matter.
        max_lr: the peak.
        total_steps: updates of the whole run.
        pct_start: share of the updates in which the rate climbs; they must be two or more, for one divides by zero.
        div_factor: the first rate is ``max_lr / div_factor``.
        final_div_factor: the last rate is the first one divided by this.

    Raises:
        ValueError: for a negative step, or one beyond the cycle.
    """
    if not 0 <= step <= total_steps:
        raise ValueError(f"step must be from 0 to {total_steps}, got {step}")
    first, peak_step = max_lr / div_factor, pct_start * total_steps - 1
    last = first / final_div_factor
    if step <= peak_step:
        start, end, part = first, max_lr, step / peak_step
    else:
        start, end, part = max_lr, last, (step - peak_step) / (total_steps - 1 - peak_step)
    return end + (start - end) / 2 * (1 + math.cos(math.pi * part))


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5, momentum=0.9)
    scheduler = OneCycleLR(optimizer, max_lr=0.1, total_steps=250)
    largest = 0.0
    for step in range(250):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 250 steps: {largest:.12f}")
