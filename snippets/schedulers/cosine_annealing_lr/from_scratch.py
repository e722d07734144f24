"""Cosine annealing in closed form, compared with torch's recursive scheduler.

Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016, equation 5
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR


def learning_rate(step: int, base_lr: float = 0.1, T_max: int = 100, eta_min: float = 0.0) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: updates made before this one. Beyond ``T_max`` the cosine goes on, so the rate rises again, as in torch.
        base_lr: rate at step 0.
        T_max: step at which the rate is ``eta_min``.
        eta_min: smallest rate.

    Raises:
        ValueError: for a negative step.
    """
    if step < 0:
        raise ValueError(f"step must not be negative, got {step}")
    return eta_min + (base_lr - eta_min) * (1 + math.cos(math.pi * step / T_max)) / 2


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = CosineAnnealingLR(optimizer, T_max=100, eta_min=0.001)
    largest = 0.0
    for step in range(300):
        rate = float(scheduler.get_last_lr()[0])
        largest = max(largest, abs(rate - learning_rate(step, T_max=100, eta_min=0.001)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
