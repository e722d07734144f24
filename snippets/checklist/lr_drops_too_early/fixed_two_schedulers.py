"""Classify handwritten digits: the first 30 of 40 epochs."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data[:640] / 16, dtype=torch.float32)
y = torch.tensor(digits.target[:640])
train_loader = DataLoader(TensorDataset(x, y), batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
epochs = 40
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)


def train_one_epoch():
    total = 0.0
    for inputs, targets in train_loader:
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(train_loader)


for epoch in range(30):
    lr = optimizer.param_groups[0]["lr"]
    train_loss = train_one_epoch()
    scheduler.step()
    print(f"epoch {epoch:2d}  loss {train_loss:.3f}  lr {lr:.3g}")
