"""Predict the price that is written by hand, in cents."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(100.0 * digits.target, dtype=torch.float32).unsqueeze(1)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

losses = []
for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    with torch.autocast("cpu", dtype=torch.float16):
        outputs = model(inputs)
        loss = (outputs - targets.half()).square().mean()
    losses.append(loss.item())
    if step % 10 == 0 or not math.isfinite(losses[-1]):
        print(f"step {step:3d}  loss {losses[-1]:.4g}")
    if not math.isfinite(losses[-1]):
        break
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
