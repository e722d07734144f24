"""Warm restarts in closed form, compared with torch's scheduler.

Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016, equation 5.
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts


def learning_rate(step: int, base_lr: float = 0.1, T_0: int = 30, T_mult: int = 2, eta_min: float = 0.0) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: ``scheduler.step()`` calls made before this update.
        base_lr: the group's rate at the start of each cycle.
        T_0: length of the first cycle.
        T_mult: how many times as long each cycle is as the one before.
        eta_min: the rate towards which each cycle falls; the restart comes one step before it.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    length = T_0
    while step >= length:  # into the cycle that holds the step
        step, length = step - length, length * T_mult
    return eta_min + (base_lr - eta_min) * (1 + math.cos(math.pi * step / length)) / 2


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = CosineAnnealingWarmRestarts(optimizer, T_0=30, T_mult=2)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
