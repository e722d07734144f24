"""Classify handwritten digits with a network whose depth is a setting."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Net(nn.Module):
    """A first layer, some hidden ones, and an output layer."""

    def __init__(self, depth):
        super().__init__()
        self.first = nn.Linear(64, 64)
        self.hidden = [nn.Linear(64, 64) for _ in range(depth)]
        self.last = nn.Linear(64, 10)

    def forward(self, x):
        x = self.first(x).relu()
        for layer in self.hidden:
            x = layer(x).relu()
        return self.last(x)


torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = Net(depth=2)
watched = model.hidden[0].weight
start = watched.detach().clone()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        moved = (watched.detach() - start).norm() / start.norm()
        print(f"step {step:3d}  loss {loss.item():.3f}  moved {moved:.4f}")
