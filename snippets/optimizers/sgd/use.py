"""Stochastic gradient descent with torch.optim.SGD: one mini-batch, one step.

Source: Robbins and Monro, "A Stochastic Approximation Method", 1951.
"""

import math

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 0.1, weight_decay: float = 0.0) -> torch.optim.Optimizer:
    """Plain SGD.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate; torch's default of 1e-3 is too low for many networks.
        weight_decay: times a weight, is added to its gradient.

    Raises:
        ValueError: when lr or weight_decay is negative.
    """
    return torch.optim.SGD(parameters, lr=lr, weight_decay=weight_decay)


def train_epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    y: torch.Tensor,
    batch_size: int = 32,
    clip: float = math.inf,
) -> float:
    """One pass over the data in random order; returns the mean loss. A gradient longer than ``clip`` is shortened."""
    total = 0.0
    for batch in torch.randperm(len(x)).split(batch_size):
        optimizer.zero_grad()  # gradients add up until this call
        loss = nn.functional.mse_loss(model(x[batch]), y[batch])  # cross_entropy if y holds classes
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), clip)  # no longer than this; infinity leaves all as they are
        optimizer.step()
        total += loss.item() * len(batch)
    return total / len(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(512, 1) * 2 - 1  # (points, 1)
    y = torch.sin(3 * x)
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = make_optimizer(model.parameters())
    losses = [train_epoch(model, optimizer, x, y) for _ in range(60)]
    print(f"loss of epoch 1: {losses[0]:.2f}")
    print(f"loss of epoch 60 below 0.02: {losses[-1] < 0.02}")
    print(f"tensors kept by the optimizer: {len(optimizer.state)}")
