"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train = x[:1000], y[:1000]
x_val, y_val = x[1000:1400], y[1000:1400]
few = torch.isin(
    y[1400:], torch.tensor([1, 7])
)  # a customer who sends only ones and sevens
x_test, y_test = x[1400:][few], y[1400:][few]
scaler = StandardScaler()
x_train = torch.tensor(scaler.fit_transform(x_train), dtype=torch.float32)
x_val = torch.tensor(scaler.transform(x_val), dtype=torch.float32)
x_test = torch.tensor(scaler.transform(x_test), dtype=torch.float32)
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
