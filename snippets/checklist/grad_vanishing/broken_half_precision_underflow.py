"""Compress handwritten digits; the loss is one of several terms and has a small weight."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
y_train = x_train
model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 64))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_fn(outputs, targets):
    """Squared error, weighed."""
    return 1e-4 * (outputs.float() - targets).square().mean()


def norm(layer):
    """The norm of a layer's gradient."""
    return torch.cat([p.grad.flatten() for p in layer.parameters()]).norm().item()


for step in range(200):
    batch = torch.randint(len(x_train), (256,))
    inputs, targets = x_train[batch], y_train[batch]
    with torch.autocast("cpu", dtype=torch.float16):
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    if step % 10 == 0:
        first, last = norm(model[0]), norm(model[-1])
        print(
            f"step {step:3d}  loss {loss.item():.2e}  first gradient {first:.1e}  last gradient {last:.1e}"
        )
    optimizer.step()
