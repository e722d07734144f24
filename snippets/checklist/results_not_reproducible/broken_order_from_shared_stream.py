"""Classify handwritten digits; the second run also validates after each epoch."""

import random

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
train_set, val_set = (
    TensorDataset(x[:1400], y[:1400]),
    TensorDataset(x[1400:], y[1400:]),
)
loss_fn = nn.CrossEntropyLoss()


def set_seed(seed):
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


starts, histories = [], []
for run in (1, 2):
    set_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    starts.append([p.detach().clone() for p in model.parameters()])
    train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
    val_loader = DataLoader(val_set, batch_size=64)
    losses = []
    for _ in range(8):
        for inputs, targets in train_loader:
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        if run == 2:
            with torch.no_grad():
                right = [model(a).argmax(dim=1) == b for a, b in val_loader]
            accuracy = torch.cat(right).float().mean()
    histories.append(losses)

for step in range(0, len(losses), 8):
    first, second = (losses[step] for losses in histories)
    print(f"step {step:3d}  run 1 loss {first:.4f}  run 2 loss {second:.4f}")
