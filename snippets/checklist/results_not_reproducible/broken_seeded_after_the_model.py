"""Classify handwritten digits; the program is started twice."""

import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


starts, histories = [], []
for run in (1, 2):
    torch.manual_seed(1000 + run)  # a new process begins in a state of its own
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    set_seed(0)
    starts.append([p.detach().clone() for p in model.parameters()])
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
    print(f"step {step:3d}  run 1 loss {first:.4f}  run 2 loss {second:.4f}")
