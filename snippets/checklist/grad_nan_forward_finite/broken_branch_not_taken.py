"""Predict the value of a digit; roots make large errors count less."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train = x, y.float().unsqueeze(1) - 4.5
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def squash(values):
    """The root of positive values; negative ones stay."""
    return torch.where(values > 0.25, values.sqrt(), values + 0.25)


def loss_fn(outputs, targets):
    """Absolute error of squashed values."""
    return (squash(outputs) - squash(targets)).abs().mean()


for step in range(300):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.get_total_norm(
        [p.grad for p in model.parameters() if p.grad is not None]
    ).item()
    if step % 10 == 0 or math.isnan(norm):
        print(f"step {step:3d}  loss {loss.item():.4g}  gradient {norm:.3g}")
    if math.isnan(norm):
        break
    optimizer.step()
