"""Find the customers who will not pay, in a job that is stopped and started again twice."""

import torch
from torch import nn

torch.manual_seed(0)


def customers(n):
    """Features and outcomes of n customers."""
    x = torch.randn(n, 30)
    return x, (x[:, 0] + 2 * torch.randn(n) > 0).long()


def split(n):
    """Numbers of the rows to train on, and of those to validate on."""
    order = torch.randperm(n, generator=torch.Generator().manual_seed(0))
    return order[: n * 4 // 5], order[n * 4 // 5 :]


def score(x, y):
    """The accuracy."""
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


x, y = customers(1000)
x_new, y_new = customers(4000)
loss_fn = nn.CrossEntropyLoss()
for start in range(3):
    train, val = split(len(x))
    (x_train, y_train), (x_val, y_val) = (x[train], y[train]), (x[val], y[val])
    model = nn.Sequential(nn.Linear(30, 256), nn.ReLU(), nn.Linear(256, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    if start > 0:
        saved = torch.load("last.pt", weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    for epoch in range(8 * start, 8 * start + 8):
        for batch in torch.randperm(len(x_train)).split(50):
            inputs, targets = x_train[batch], y_train[batch]
            loss = loss_fn(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        val_score, new_score = score(x_val, y_val), score(x_new, y_new)
        print(
            f"epoch {epoch:2d}  loss {loss.item():.3f}  val score {val_score:.3f}  new score {new_score:.3f}"
        )
    torch.save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "last.pt"
    )
