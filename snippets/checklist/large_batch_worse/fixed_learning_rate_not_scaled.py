"""Classify handwritten digits for 12 epochs, with small batches and with large ones."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
data = TensorDataset(x, torch.tensor(digits.target))
loss_fn = nn.CrossEntropyLoss()
epochs = 8

logs, lrs = {}, {}
for batch_size in (16, 256):
    torch.manual_seed(0)
    train_loader = DataLoader(data, batch_size, shuffle=True)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02 * batch_size / 16)
    history, rates = [], []
    for _ in range(epochs):
        for inputs, targets in train_loader:
            loss = loss_fn(model(inputs), targets)
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            history.append(loss_fn(model(x), data.tensors[1]).item())
    logs[batch_size], lrs[batch_size] = history, rates

for epoch in range(epochs):
    small, large = (log[epoch] for log in logs.values())
    print(f"epoch {epoch:2d}  batch 16 loss {small:.3f}  batch 256 loss {large:.3f}")
