"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x_train, y_train = x[order[:1000]], y[order[:1000]]
x_val, y_val = x[order[1000:]], y[order[1000:]]
folders = [0, 1, 2, 3, 4, 5, 6, 7, 8]
there = torch.isin(y_train, torch.tensor(folders))
x_train, y_train = x_train[there], y_train[there]
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

losses, val_losses = [], []
for epoch in range(30):
    for batch in torch.randperm(len(x_train)).split(50):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        val_outputs = model(x_val)
    val_losses.append(nn.functional.cross_entropy(val_outputs, y_val).item())
    accuracy = (val_outputs.argmax(dim=1) == y_val).float().mean().item()
    train_loss = sum(losses[-20:]) / 20
    print(
        f"epoch {epoch:2d}  loss {train_loss:.3f}  val loss {val_losses[-1]:.3f}  val accuracy {accuracy:.3f}"
    )
