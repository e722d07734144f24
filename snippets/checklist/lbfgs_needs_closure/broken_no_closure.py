"""Classify handwritten digits with L-BFGS."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.LBFGS(
    model.parameters(), max_iter=5, line_search_fn="strong_wolfe"
)


def closure():
    """Loss and gradients at the weights that L-BFGS tries."""
    optimizer.zero_grad()
    loss = loss_fn(model(x_train), y_train)
    loss.backward()
    return loss


losses = []
for step in range(15):
    closure()
    optimizer.step()
    losses.append(loss_fn(model(x_train), y_train).item())
    print(f"step {step:2d}  loss {losses[-1]:.4g}")
    if not math.isfinite(losses[-1]):
        break
