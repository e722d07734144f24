"""Forecast the next value of a series from the last 16, and try it on days that it has not seen."""

import torch
from torch import nn


class Forecaster(nn.Module):
    """A small network that adds a change to the last value of the window."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return x[:, -1:] + self.net(x - x[:, -1:])


torch.manual_seed(0)
noise = torch.randn(1600)
change = torch.zeros(1600)
for t in range(2, 1600):
    change[t] = 1.2 * change[t - 1] - 0.6 * change[t - 2] + noise[t]
series = 100 + change.cumsum(0)
mean, std = series[:1200].mean(), series[:1200].std()
values = (series - mean) / std
known = values
x = known.unfold(0, 16, 1)[:-1]
y = values[16:, None]
x_train, y_train, x_test, y_test = x[:1184], y[:1184], x[1184:], y[1184:]
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
        with torch.no_grad():
            forecast = torch.cat(
                [model(known[None, day - 16 : day]) for day in range(1300, 1600)]
            )
        error = std * (forecast[:, 0] - values[1300:]).square().mean().sqrt()
        repeat = std * (values[1299:-1] - values[1300:]).square().mean().sqrt()
        print(
            f"step {step:3d}  loss {loss.item():.5f}  error {error:.2f}  repeat {repeat:.2f}"
        )
