"""Classify handwritten digits: a batch of 64 in one piece, and in four."""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.utils import parameters_to_vector

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
big, start = copy.deepcopy(model), copy.deepcopy(model)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
big_optimizer = torch.optim.SGD(big.parameters(), lr=0.1)


def accumulate(model, inputs, targets):
    """Gradient of a batch of 64 from four of 16; returns the mean loss."""
    total = 0.0
    for x, y in zip(inputs.split(16), targets.split(16), strict=True):
        loss = loss_fn(model(x), y)
        loss.backward()
        total += loss.item() / 4
    return total


for step in range(100):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    big_loss = loss_fn(big(inputs), targets)
    big_optimizer.zero_grad()
    big_loss.backward()
    big_optimizer.step()
    optimizer.zero_grad()
    loss = accumulate(model, inputs, targets)
    optimizer.step()
    if step % 5 == 4:
        a, b, c = (parameters_to_vector(m.parameters()) for m in (model, big, start))
        apart = ((a - b).norm() / (b - c).norm()).item()
        print(
            f"step {step + 1:3d}  loss {loss:.3f}  big batch loss {big_loss.item():.3f}"
            f"  apart {apart:.3f}"
        )
