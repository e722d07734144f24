"""Find the customers who will not pay; one in ten does not."""

import torch
from torch import nn

torch.manual_seed(0)


def customers(n):
    """Features and outcomes of n customers."""
    x = torch.randn(n, 30)
    return x, (x[:, 0] + 2 * torch.randn(n) > 2.9).long()


def split(n):
    """Numbers of the rows to train on, and of those to validate on."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    return order[: n * 4 // 5], order[n * 4 // 5 :]


def balanced(x, y):
    """Repeat customers of the rare class until both classes are equally frequent."""
    rare = (y == 1).nonzero().flatten()
    again = rare[torch.randint(len(rare), (len(y) - 2 * len(rare),))]
    return torch.cat([x, x[again]]), torch.cat([y, y[again]])


x, y = customers(2000)
x_new, y_new = customers(4000)
train, val = split(len(x))
(x_train, y_train), (x_val, y_val) = (x[train], y[train]), (x[val], y[val])
x_train, y_train = balanced(x_train, y_train)
model = nn.Sequential(nn.Linear(30, 128), nn.ReLU(), nn.Linear(128, 2))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def score(x, y):
    """Mean of the accuracies on each class."""
    with torch.no_grad():
        right = model(x).argmax(dim=1) == y
    return sum(right[y == label].float().mean().item() for label in (0, 1)) / 2


losses = []
for epoch in range(8):
    for batch in torch.randperm(len(x_train)).split(128):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(loss.item())
    val_score, new_score = score(x_val, y_val), score(x_new, y_new)
    print(
        f"epoch {epoch:2d}  loss {losses[-1]:.3f}  val score {val_score:.3f}  new score {new_score:.3f}"
    )
