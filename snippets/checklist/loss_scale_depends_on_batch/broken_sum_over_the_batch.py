"""Classify handwritten digits; the log compares gradients of small and large batches."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss(reduction="sum")
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def norm(size):
    """The norm of the gradient of one batch."""
    batch = torch.randint(len(x_train), (size,))
    loss = loss_fn(model(x_train[batch]), y_train[batch])
    return torch.nn.utils.get_total_norm(
        torch.autograd.grad(loss, list(model.parameters()))
    )


for step in range(200):
    if step % 10 == 0:
        small, large = norm(64), norm(1024)
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(
            f"step {step:3d}  loss {loss.item():.3f}  small {small:.3f}  large {large:.3f}"
        )
