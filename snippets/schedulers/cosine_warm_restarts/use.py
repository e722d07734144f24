"""Cosine annealing with warm restarts: half a cosine down, a jump back to the peak, each cycle longer than the last.

Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016, equation 5.
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LRScheduler


def make_scheduler(
    optimizer: torch.optim.Optimizer, T_0: int = 30, T_mult: int = 2, eta_min: float = 0.0
) -> LRScheduler:
    """Cycles of ``T_0``, ``T_0 * T_mult``, ``T_0 * T_mult**2``, ... steps.

    Args:
        optimizer: its groups' ``lr`` are the peaks.
        T_0: length of the first cycle, in ``scheduler.step()`` calls.
        T_mult: how many times as long each cycle is as the one before; a whole number from 1.
        eta_min: the rate towards which each cycle falls, the same for all groups.
    """
    return CosineAnnealingWarmRestarts(optimizer, T_0=T_0, T_mult=T_mult, eta_min=eta_min)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make_scheduler(optimizer, T_0=30, T_mult=2)
    rates = []
    for _ in range(210):  # 30 + 60 + 120: the run ends where a cycle does
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    restarts = [step for step in range(1, 210) if rates[step] > rates[step - 1]]
    print("restarts at updates", restarts)
    print("rate before and after the first:", f"{rates[29]:.5f} {rates[30]:.5f}")
    print(f"rate of the last update: {rates[-1]:.7f}")
