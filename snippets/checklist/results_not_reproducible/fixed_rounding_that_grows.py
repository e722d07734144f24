"""Classify handwritten digits; the second machine splits each batch in two."""

import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss(reduction="sum")


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


starts, histories = [], []
for parts in (1, 2):
    set_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    starts.append([p.detach().clone() for p in model.parameters()])
    order = torch.Generator().manual_seed(0)
    data = TensorDataset(x_train, y_train)
    train_loader = DataLoader(data, batch_size=64, shuffle=True, generator=order)
    losses = []
    for inputs, targets in (batch for _ in range(14) for batch in train_loader):
        optimizer.zero_grad()
        total = 0.0
        for x, y in zip(inputs.chunk(parts), targets.chunk(parts), strict=True):
            loss = loss_fn(model(x), y) / len(inputs)
            loss.backward()
            total += loss.item()
        optimizer.step()
        losses.append(total)
    histories.append(losses)

for step in range(0, len(losses), 14):
    first, second = (losses[step] for losses in histories)
    print(f"step {step:3d}  run 1 loss {first:.4f}  run 2 loss {second:.4f}")
