"""Classify handwritten digits, some of which are rare."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
rare = (y > 6) & (torch.rand(len(y)) < 0.7)
order = order[~rare[order]]
x, y = x[order], y[order]
x_train, y_train, x_val, y_val = x[:1000], y[:1000], x[1000:], y[1000:]
weights = 1 / y_train.bincount()
sampler = WeightedRandomSampler(weights, len(x_train))
train_loader = DataLoader(TensorDataset(x_train, y_train), 64, sampler=sampler)
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(10):
    losses, right = [], []
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right.append((outputs.argmax(dim=1) == targets).float().mean().item())
    with torch.no_grad():
        outputs = model(x_val)
    val_loss = loss_fn(outputs, y_val).item()
    val_accuracy = (outputs.argmax(dim=1) == y_val).float().mean().item()
    train_loss, accuracy = sum(losses) / len(losses), sum(right) / len(right)
    print(f"epoch {epoch:2d}  loss {train_loss:.3f}  val loss {val_loss:.3f}", end="  ")
    print(f"accuracy {accuracy:.3f}  val accuracy {val_accuracy:.3f}")
