"""Classify handwritten digits with batches of 64, made of four times 16."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data[:640] / 16, dtype=torch.float32)
y = torch.tensor(digits.target[:640])
train_loader = DataLoader(TensorDataset(x, y), 16, shuffle=True, drop_last=True)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
epochs, accumulate = 12, 4
updates = epochs * len(train_loader) // accumulate
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda update: max(0.0, 1 - update / updates)
)

for epoch in range(epochs):
    total = 0.0
    lr = optimizer.param_groups[0]["lr"]
    for number, (inputs, targets) in enumerate(train_loader, 1):
        loss = loss_fn(model(inputs), targets)
        (loss / accumulate).backward()
        total += loss.item()
        if number % accumulate == 0:
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
    print(f"epoch {epoch:2d}  loss {total / len(train_loader):.3f}  lr {lr:.3g}")
