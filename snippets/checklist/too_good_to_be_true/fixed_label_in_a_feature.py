"""Predict which customers will cancel their contract."""

import torch
from torch import nn

torch.manual_seed(0)


def customers(n, known_yet):
    """Features and outcomes of n customers; the last is the month in which the contract ends, 0 if unknown."""
    x = torch.randn(n, 12)
    y = (x[:, :3].sum(dim=1) + 3 * torch.randn(n) > 0).long()
    month = known_yet * y * torch.randint(1, 13, (n,))
    return torch.cat([x, month[:, None] / 12], dim=1), y


def fit_and_score(x, y):
    """Train on four fifths of the rows; return the accuracy on the others."""
    x_train, y_train, x_val, y_val = x[:800], y[:800], x[800:], y[800:]
    model = nn.Sequential(nn.Linear(x.shape[1], 32), nn.ReLU(), nn.Linear(32, 2))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for epoch in range(20):
        for batch in torch.randperm(len(x_train)).split(50):
            loss = loss_fn(model(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        val_score = (model(x_val).argmax(dim=1) == y_val).float().mean().item()
        new_score = (model(x_new).argmax(dim=1) == y_new).float().mean().item()
        print(
            f"epoch {epoch:2d}  loss {loss.item():.3f}  val score {val_score:.3f}  new score {new_score:.3f}"
        )
    return val_score


x, y = customers(1000, known_yet=1)
x_new, y_new = customers(1000, known_yet=0)
x, x_new = x[:, :-1], x_new[:, :-1]
val_score = fit_and_score(x, y)
