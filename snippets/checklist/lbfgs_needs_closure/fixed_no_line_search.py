"""Fit a line to measurements with L-BFGS."""

import math

import torch
from torch import nn

torch.manual_seed(0)
x_train = torch.linspace(-1, 1, 100).unsqueeze(1)
y_train = 3 * x_train + 20 + 0.05 * torch.randn(100, 1)
model = nn.Linear(1, 1)
optimizer = torch.optim.LBFGS(
    model.parameters(), max_iter=5, line_search_fn="strong_wolfe"
)


def loss_fn(outputs, targets):
    """Absolute error, smooth near zero."""
    return ((outputs - targets).square() + 0.01).sqrt().mean() - 0.1


def closure():
    """Loss and gradients at the weights that L-BFGS tries."""
    optimizer.zero_grad()
    loss = loss_fn(model(x_train), y_train)
    loss.backward()
    return loss


losses = []
for step in range(15):
    optimizer.step(closure)
    losses.append(loss_fn(model(x_train), y_train).item())
    print(f"step {step:2d}  loss {losses[-1]:.4g}")
    if not math.isfinite(losses[-1]):
        break
