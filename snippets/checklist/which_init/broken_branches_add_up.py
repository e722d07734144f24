"""Classify handwritten digits with a deep network."""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 8 - 1, dtype=torch.float32)
y_train = torch.tensor(digits.target)


class Block(nn.Module):
    """Adds two layers to what comes in."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(64, 64), nn.Linear(64, 64)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.kaiming_normal_(self.last.weight, nonlinearity="relu")

    def forward(self, x):
        return x + self.last(self.first(x).relu())


model = nn.Sequential(*[Block() for _ in range(25)], nn.Linear(64, 10))
fresh = copy.deepcopy(model)  # as it is before training
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

losses = []
for step in range(141):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d}  loss {losses[-1]:.4g}")
