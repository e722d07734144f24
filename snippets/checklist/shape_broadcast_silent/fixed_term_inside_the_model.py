"""Predict the value of a handwritten digit, as one of five scales shows it."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
scale = torch.arange(len(x_train)) % 5
x_train = torch.cat([scale.unsqueeze(1), x_train], dim=1)
y_train = torch.tensor(digits.target, dtype=torch.float32) + 0.2 * scale


class Net(nn.Module):
    """A network for the pixels, and an offset for each scale."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
        self.offsets = nn.Parameter(torch.zeros(5))

    def forward(self, x):
        return self.body(x[:, 1:]).squeeze(1) + self.offsets[x[:, 0].long()]


def loss_fn(outputs, targets):
    """Mean squared error."""
    return (outputs - targets).square().mean()


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        error = loss.sqrt().item()
        print(
            f"step {step:3d}  loss {loss.item():.3f}  error {error:.3f}  error of a constant {y_train.std().item():.3f}"
        )
