"""Classify handwritten digits; a reward for entropy keeps the answers soft."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data * 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train = x, y
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)


def loss_fn(outputs, targets):
    """Cross-entropy minus a share of the entropy."""
    p = outputs.softmax(dim=1)
    entropy = -(p * outputs.log_softmax(dim=1)).sum(dim=1)
    return nn.functional.cross_entropy(outputs, targets) - 0.1 * entropy.mean()


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
