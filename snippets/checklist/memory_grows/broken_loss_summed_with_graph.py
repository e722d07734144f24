"""Classify handwritten digits, and print how many graphs of past steps are alive."""

import weakref

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


class Mark:
    """Hangs on a graph, and lives as long as the graph does."""


alive: weakref.WeakSet = weakref.WeakSet()

total = 0.0
for step in range(1, 201):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    outputs.grad_fn.metadata["mark"] = mark = Mark()
    alive.add(mark)
    del mark
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    total += loss
    if step % 10 == 0:
        print(f"step {step:3d}  graphs alive {len(alive):3d}  mean {total / step:.3f}")
