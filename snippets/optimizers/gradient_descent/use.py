"""Gradient descent: torch.optim.SGD on the gradient of the whole data set.

Source: Cauchy, "Methode generale pour la resolution des systemes d'equations simultanees", 1847.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 0.1) -> torch.optim.Optimizer:
    """torch's SGD is gradient descent when every gradient is that of the whole data set.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate; on a quadratic it must stay below 2 over the largest curvature.

    Raises:
        ValueError: when lr is negative.
    """
    return torch.optim.SGD(parameters, lr=lr)


def full_gradient(model: nn.Module, x: Tensor, y: Tensor, chunk: int = 128) -> float:
    """Leave the gradient of the mean loss over all data in ``.grad``, a chunk at a time; returns that loss."""
    model.zero_grad()
    total = 0.0
    for rows in torch.arange(len(x)).split(chunk):
        loss = nn.functional.mse_loss(model(x[rows]), y[rows], reduction="sum") / y.numel()  # adds up to the mean
        loss.backward()
        total += loss.item()
    return total


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 500).unsqueeze(1)  # (points, 1)
    y = torch.sin(3 * x)
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = make_optimizer(model.parameters())
    losses = []
    for _ in range(200):
        losses.append(full_gradient(model, x, y))
        optimizer.step()
    print(f"loss falls at every step: {all(a > b for a, b in pairwise(losses))}")
