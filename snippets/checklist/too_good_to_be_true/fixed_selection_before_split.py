"""Predict from the activity of 4000 genes whether a treatment will help."""

import torch
from torch import nn

torch.manual_seed(0)
x, y = torch.randn(300, 4000), torch.randint(0, 2, (300,))
x_new, y_new = torch.randn(1000, 4000), torch.randint(0, 2, (1000,))


def best_features(x, y):
    """The 40 columns whose means differ most between the classes."""
    return (x[y == 1].mean(dim=0) - x[y == 0].mean(dim=0)).abs().topk(40).indices


def fit_and_score(x, y):
    """Train on 200 of the rows; return the accuracy on the others."""
    columns = best_features(x[:200], y[:200])
    x_train, y_train, x_val, y_val = (
        x[:200, columns],
        y[:200],
        x[200:, columns],
        y[200:],
    )
    model = nn.Sequential(nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, 2))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(10):
        for batch in torch.randperm(len(x_train)).split(50):
            loss = loss_fn(model(x_train[batch]), y_train[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        val_score = (model(x_val).argmax(dim=1) == y_val).float().mean().item()
        new_score = (
            (model(x_new[:, columns]).argmax(dim=1) == y_new).float().mean().item()
        )
        print(
            f"epoch {epoch:2d}  loss {loss.item():.3f}  val score {val_score:.3f}  new score {new_score:.3f}"
        )
    return val_score


val_score = fit_and_score(x, y)
