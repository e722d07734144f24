"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x[1400:] = 0.3 * x[1400:] + 9  # another scanner


def prepare(x):
    """Grey values for the network."""
    return (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True)


x_train, y_train = prepare(x[:1000]), y[:1000]
x_val, y_val = prepare(x[1000:1400]), y[1000:1400]
x_test, y_test = prepare(x[1400:]), y[1400:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def accuracy(x, y):
    """Share of right answers."""
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


losses = []
for epoch in range(15):
    for batch in torch.randperm(len(x_train)).split(50):
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(loss.item())
    print(
        f"epoch {epoch:2d}  loss {losses[-1]:.3f}  val accuracy {accuracy(x_val, y_val):.3f}"
    )
print(
    f"val accuracy {accuracy(x_val, y_val):.3f}  test accuracy {accuracy(x_test, y_test):.3f}"
)
