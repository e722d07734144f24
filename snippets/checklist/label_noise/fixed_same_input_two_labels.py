"""Classify handwritten digits that were sorted into folders."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_val, y_val = x[:1000], y[:1000].clone(), x[1000:], y[1000:]

again = x_train[y_train == 3].repeat(2, 1)
x_train = torch.cat([x_train, again])
y_train = torch.cat([y_train, torch.full((len(again),), 8)])

_, copy_of = x_train.unique(dim=0, return_inverse=True)
rows = torch.arange(len(x_train))
first = rows.scatter_reduce(0, copy_of, rows, "amin", include_self=False)
x_train, y_train = (part[first[copy_of] == rows] for part in (x_train, y_train))

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
