"""Classify handwritten digits."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
x_train[::97, 20] = math.nan  # a sensor that was off now and then
x_train = torch.nan_to_num(x_train, nan=0.0)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

losses = []
for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    if step % 10 == 0 or not math.isfinite(losses[-1]):
        print(f"step {step:3d}  loss {losses[-1]:.4g}")
    if not math.isfinite(losses[-1]):
        break
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
