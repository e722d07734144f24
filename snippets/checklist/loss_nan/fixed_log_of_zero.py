"""Tell even digits from odd ones."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data, dtype=torch.float32)
y_train = torch.tensor(digits.target % 2, dtype=torch.float32).unsqueeze(1)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(outputs, targets):
    """Binary cross-entropy."""
    return nn.functional.binary_cross_entropy_with_logits(outputs, targets)


losses = []
for step in range(400):
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
