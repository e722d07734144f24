"""Learn an embedding in which images of the same digit lie close together."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
pairs = torch.randint(300, (5000, 2))
x_train, y_train = x[pairs], y[pairs[:, 0]] == y[pairs[:, 1]]
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_fn(outputs, targets):
    """Contrastive loss of pairs."""
    squares = (outputs[:, 0] - outputs[:, 1]).square().sum(dim=1)
    distance = squares.sqrt()
    return torch.where(targets, distance, (1 - distance).relu()).mean()


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
