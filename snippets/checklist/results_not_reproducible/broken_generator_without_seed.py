"""Classify handwritten digits that are moved at random; started twice."""

import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
images = torch.tensor(digits.images / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()


def set_seed(seed):
    random.seed(seed)
    torch.manual_seed(seed)


def moved(images):
    shift = tuple(np.random.randint(-1, 2, size=2).tolist())
    return images.roll(shift, dims=(1, 2)).flatten(1)


starts, histories = [], []
for run in (1, 2):
    np.random.seed(1000 + run)  # a new process begins in a state of its own
    set_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    starts.append([p.detach().clone() for p in model.parameters()])
    losses = []
    for _ in range(200):
        batch = torch.randint(len(images), (64,))
        inputs, targets = moved(images[batch]), y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    histories.append(losses)

for step in range(0, 200, 10):
    first, second = (losses[step] for losses in histories)
    print(f"step {step:3d}  run 1 loss {first:.4f}  run 2 loss {second:.4f}")
