"""Classify handwritten digits; a smaller learning rate when nothing improves."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
train_set = TensorDataset(x[:1400], y[:1400])
train_loader = DataLoader(train_set, batch_size=64, shuffle=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=3)

history = []
for epoch in range(24):
    total = 0.0
    lr = optimizer.param_groups[0]["lr"]
    for inputs, targets in train_loader:
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = model(x[1400:]).argmax(dim=1) == y[1400:]
    history.append(right.float().mean().item())
    scheduler.step(history[-1])
    print(
        f"epoch {epoch:2d}  loss {total / len(train_loader):.3f}"
        f"  accuracy {history[-1]:.3f}  lr {lr:.3g}"
    )
