"""Predict from a recording whether a patient is ill; there are ten recordings of each."""

import torch
from torch import nn

torch.manual_seed(0)
patients = torch.arange(200).repeat_interleave(10)
traits = torch.randn(200, 20)
ill = (traits[:, 0] + 2 * torch.randn(200) > 0).long()
x, y = traits[patients] + 0.2 * torch.randn(2000, 20), ill[patients]
x_test, y_test = x[1300:], y[1300:]
order = torch.randperm(1300)
train, val = order[:900], order[900:]
x_train, y_train, groups_train = x[train], y[train], patients[train]
x_val, y_val, groups_val = x[val], y[val], patients[val]
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


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
