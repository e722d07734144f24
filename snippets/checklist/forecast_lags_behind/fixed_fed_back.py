"""Forecast the next 30 values of a noisy series from the last 8."""

import math

import torch
from torch import nn


def forecast(x):
    """Give the 30 values that follow each window."""
    return model(x)


torch.manual_seed(0)
time = torch.arange(1600)
values = torch.sin(2 * math.pi * time / 120) + 0.3 * torch.randn(1600)
windows = values.unfold(0, 38, 1)
x_train, y_train = windows[:1200, :8], windows[:1200, 8:]
x_test, y_test = windows[1230:, :8], windows[1230:, 8:]
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 30))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for step in range(1, 301):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 15 == 0:
        with torch.no_grad():
            error = (forecast(x_test) - y_test)[:, -1].square().mean().sqrt()
        repeat = (x_test[:, -1] - y_test[:, -1]).square().mean().sqrt()
        print(
            f"step {step:3d}  loss {loss.item():.5f}  error {error:.2f}  repeat {repeat:.2f}"
        )
