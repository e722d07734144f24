"""Predict who buys, from the number of the district and from the age."""

import torch
from torch import nn
from torch.nn.functional import one_hot

torch.manual_seed(0)
district, age = torch.randint(30, (1800,)), torch.rand(1800)
wealth = torch.randn(30)
buys = wealth[district] + age - 0.5 + 0.1 * torch.randn(1800)
y = (buys > 0).long()
x = torch.cat([one_hot(district, 30).float(), age[:, None]], dim=1)
x_train, y_train = x[:1437], y[:1437]
x_val, y_val = x[1437:], y[1437:]
model = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def score(x, y):
    """Loss and accuracy."""
    model.eval()
    with torch.no_grad():
        outputs = model(x)
    model.train()
    return loss_fn(outputs, y).item(), (
        outputs.argmax(dim=1) == y
    ).float().mean().item()


losses = []
for epoch in range(12):
    for batch in torch.randperm(len(x_train)).split(64):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    train_loss, accuracy = score(x_train, y_train)
    _, val_accuracy = score(x_val, y_val)
    losses.append(train_loss)
    print(
        f"epoch {epoch:2d}  loss {train_loss:.3f}  accuracy {accuracy:.3f}  val accuracy {val_accuracy:.3f}"
    )
