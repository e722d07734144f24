"""Classify handwritten digits for 40 epochs."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
train_loader = DataLoader(TensorDataset(x[:1400], y[:1400]), 64, shuffle=True)
x_val, y_val = x[1400:], y[1400:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

losses, val_losses = [], []
for epoch in range(40):
    for inputs, targets in train_loader:
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    scheduler.step()
    with torch.no_grad():
        val_losses.append(loss_fn(model(x_val), y_val).item())
    print(f"epoch {epoch:2d}  validation loss {val_losses[-1]:.3f}")
