"""Give every optimizer its own best learning rate before comparing: a search that never ends at its edge.

Source: Schmidt et al., "Descending through a Crowded Valley", 2020, section 2; the search is our own.
"""

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import nn


def best_rate(
    loss: Callable[[float], float], lr: float, factor: float = 10**0.5, runs: int = 20
) -> tuple[float, dict[float, float]]:
    """Walk from a first guess, down and up by a factor, until two rates on either side of the best are no better.

    Args:
        loss: trains with a rate and returns the validation loss, a mean over seeds; NaN counts as worst.
        lr: where to begin, for example the default.
        factor: between neighbouring rates; with a single minimum, the result is within this factor of the best.
        runs: give up after so many.

    Returns:
        The best rate, and the loss of every rate tried.

    Raises:
        ValueError: when lr is not positive or factor is not above 1.
        RuntimeError: when the best rate is still at the edge after all runs.
    """
    if not lr > 0 or not factor > 1:
        raise ValueError("lr must be positive and factor above 1")
    tried: dict[int, float] = {}  # exponent of the factor -> loss
    candidate = 0
    while len(tried) < runs:
        value = loss(lr * factor**candidate)
        tried[candidate] = math.inf if math.isnan(value) else value
        best = min(tried, key=lambda exponent: (tried[exponent], exponent))  # of equal ones the lowest rate
        missing = [best + offset for offset in (-1, 1, -2, 2) if best + offset not in tried]
        if not missing:
            return lr * factor**best, {lr * factor**exponent: value for exponent, value in sorted(tried.items())}
        candidate = missing[0]
    raise RuntimeError(f"the best rate is still at the edge after {runs} runs")


if __name__ == "__main__":

    def validation_loss(optimizer_class: type, lr: float, **settings: float) -> float:
        total = 0.0
        for seed in range(3):
            torch.manual_seed(seed)
            x = torch.randn(512, 8)  # (points, features)
            y = torch.tanh(x @ torch.ones(8, 1)) + 0.2 * torch.randn(512, 1)  # (points, 1)
            model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
            optimizer = optimizer_class(model.parameters(), lr=lr, **settings)
            for _ in range(100):
                batch = torch.randint(256, (32,))
                optimizer.zero_grad()
                nn.functional.mse_loss(model(x[batch]), y[batch]).backward()
                optimizer.step()
            total += nn.functional.mse_loss(model(x[256:]), y[256:]).item() / 3
        return total

    default = 1e-3
    for optimizer_class, settings in [
        (torch.optim.SGD, {"momentum": 0.9}),
        (torch.optim.AdamW, {"weight_decay": 0.01}),
    ]:
        best, tried = best_rate(partial(validation_loss, optimizer_class, **settings), default)
        name = optimizer_class.__name__
        print(f"{name}: best rate {best:.1g} after {len(tried)} runs, {best / default:.0f} times the default")
        print(f"{name}: loss {tried[default]:.2f} at the default, {tried[best]:.2f} at the best")
