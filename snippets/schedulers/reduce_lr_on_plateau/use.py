"""ReduceLROnPlateau: the rate falls when a validation metric has stopped getting better.

Source: torch.optim.lr_scheduler.ReduceLROnPlateau, PyTorch 2.x
"""

from itertools import pairwise
from typing import Literal

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau


def make_scheduler(
    optimizer: torch.optim.Optimizer,
    mode: Literal["min", "max"] = "min",
    factor: float = 0.3,
    patience: int = 10,
    threshold: float = 1e-3,
    cooldown: int = 5,
    min_lr: float = 1e-6,
) -> ReduceLROnPlateau:
    """Multiply the rate by ``factor`` after more than ``patience`` epochs without a better metric.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        mode: "min" for a loss, "max" for an accuracy.
        factor: what the rate is multiplied by.
        patience: epochs without improvement that are tolerated; the next one reduces the rate.
        threshold: what counts as better: by this fraction of the best value so far.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the rate never falls below it.
    """
    return ReduceLROnPlateau(
        optimizer, mode, factor=factor, patience=patience, threshold=threshold, cooldown=cooldown, min_lr=min_lr
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, patience=3, cooldown=0)

    rates = []
    for _ in range(60):
        rates.append(float(scheduler.get_last_lr()[0]))
        loss = nn.functional.mse_loss(model(x[:192]), y[:192])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            validation = nn.functional.mse_loss(model(x[192:]), y[192:])
        scheduler.step(validation)  # once per epoch, after validation, with its metric
    reductions = sum(after < before for before, after in pairwise(rates))
    print(f"rate from {rates[0]} to {rates[-1]:.1e} in {reductions} reductions")
