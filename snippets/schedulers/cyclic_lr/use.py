"""CyclicLR: the rate goes up and down in triangles between two bounds.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.
"""

from typing import Literal

import torch
from torch import nn
from torch.optim.lr_scheduler import CyclicLR, LRScheduler


def make_scheduler(
    optimizer: torch.optim.Optimizer,
    low: float = 0.01,
    high: float = 0.1,
    step_size_up: int = 40,
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
    gamma: float = 1.0,
) -> LRScheduler:
    """Triangles of ``2 * step_size_up`` updates.

    Args:
        optimizer: its groups' ``lr`` are overwritten; its momentum is left alone here.
        low: the lower bound.
        high: the upper bound.
        step_size_up: updates from the lower bound to the upper; as many lead down again.
        mode: "triangular" keeps the height, "triangular2" halves it each cycle, "exp_range" shrinks it by ``gamma``.
        gamma: factor of the height for each update, for "exp_range".
    """
    return CyclicLR(optimizer, low, high, step_size_up=step_size_up, mode=mode, gamma=gamma, cycle_momentum=False)


if __name__ == "__main__":
    for mode in ("triangular", "triangular2"):
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.05, momentum=0.9)
        scheduler = make_scheduler(optimizer, mode=mode)
        rates = []
        for _ in range(240):
            rates.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
            scheduler.step()  # after every update
        print(f"{mode}: updates 0, 40, 80, 120:", " ".join(f"{rates[step]:.4f}" for step in (0, 40, 80, 120)))
