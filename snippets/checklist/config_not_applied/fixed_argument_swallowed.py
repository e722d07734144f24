"""Classify handwritten digits, with dropout and without."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
raw = digits.data
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()


def prepare(images):
    """Images from 0 to 16 as numbers from 0 to 1."""
    return torch.tensor(images / 16, dtype=torch.float32)


x_train = prepare(raw)


class Net(nn.Module):
    def __init__(self, hidden=64, dropout=0.0, **kwargs):
        super().__init__()
        layers = nn.Linear(64, hidden), nn.ReLU(), nn.Dropout(dropout)
        self.layers = nn.Sequential(*layers, nn.Linear(hidden, 10))

    def forward(self, x):
        return self.layers(x)


histories = []
for value in (0.0, 0.5):
    settings = {"hidden": 64, "dropout": value}
    torch.manual_seed(0)
    model = Net(**settings)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(200):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    histories.append(losses)

for step in range(0, 200, 10):
    first, second = (losses[step] for losses in histories)
    print(f"step {step:3d}  setting 1 loss {first:.4f}  setting 2 loss {second:.4f}")
