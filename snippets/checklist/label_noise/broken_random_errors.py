"""Classify handwritten digits that were labelled in a hurry."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_val, y_val = x[:1000], y[:1000].clone(), x[1000:], y[1000:]

hasty = torch.rand(1000) < 0.4
y_train[hasty] = torch.randint(10, (1000,))[hasty]

model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(40):
    for batch in torch.randperm(len(x_train)).split(100):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        outputs = model(x_val)
        val_loss = loss_fn(outputs, y_val).item()
    right = (outputs.argmax(dim=1) == y_val).float()
    worst = min(right[y_val == digit].mean().item() for digit in range(10))
    print(
        f"epoch {epoch + 1:2d}  loss {loss.item():.3f}  val loss {val_loss:.3f}"
        f"  accuracy {right.mean().item():.2f}  worst class {worst:.2f}"
    )
