"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.LBFGS(model.parameters(), lr=1.0, max_iter=20)


def closure():
    """Compute loss and gradient of this step's batch."""
    optimizer.zero_grad()
    loss = loss_fn(model(inputs), targets)
    loss.backward()
    return loss


for step in range(20):
    batch = torch.randint(len(x_train), (16,))
    inputs, targets = x_train[batch], y_train[batch]
    with torch.no_grad():
        whole_loss = loss_fn(model(x_train), y_train).item()
    print(f"step {step:2d}  loss {whole_loss:.4g}")
    loss = optimizer.step(closure)
outputs = model(inputs)
