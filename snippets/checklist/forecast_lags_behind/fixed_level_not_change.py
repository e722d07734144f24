"""Forecast the next 2 values of a series from the last 16."""

import torch
from torch import nn


class Forecaster(nn.Module):
    """A small network on a window of values."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        last = x[:, -1:]
        return last + self.net(x - last)


def forecast(x):
    """Give the 2 values that follow each window."""
    with torch.no_grad():
        return model(x)


torch.manual_seed(0)
noise = torch.randn(1600)
change = torch.zeros(1600)
for t in range(2, 1600):
    change[t] = 1.2 * change[t - 1] - 0.6 * change[t - 2] + noise[t]
series = 100 + change.cumsum(0)
mean, std = series[:1200].mean(), series[:1200].std()
values = (series - mean) / std
windows = values.unfold(0, 18, 1)
x_train, y_train = windows[:1183, :16], windows[:1183, 16:]
x_test, y_test = windows[1184:, :16], windows[1184:, 16:]
model = Forecaster()
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(1, 301):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 15 == 0:
        error = std * (forecast(x_test) - y_test).square().mean().sqrt()
        repeat = std * (x_test[:, -1:] - y_test).square().mean().sqrt()
        r2 = 1 - error**2 / (std * y_test).var()
        print(
            f"step {step:3d}  loss {loss.item():.5f}  error {error:.2f}  repeat {repeat:.2f}  r2 {r2:.3f}"
        )
