"""Choose the best of a hundred networks for a small study."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(3000, 20)
y = (x[:, 0] + x[:, 1] + 3 * torch.randn(3000) > 0).long()
x_train, y_train = x[:100], y[:100]
x_val, y_val = x[100:120], y[100:120]
x_test, y_test = x[1000:], y[1000:]
people = torch.arange(3000)
groups_train, groups_val = people[:100], people[100 : 100 + len(x_val)]
loss_fn = nn.CrossEntropyLoss()


def accuracy(model, x, y):
    """Share of right answers."""
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


val_accuracies, best = [], (0.0, 0.0)
for step in range(100):
    features = torch.randperm(20)[:5]
    model = nn.Sequential(nn.Linear(20, 2))
    used = torch.zeros(20).index_fill(0, features, 1.0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(15):
        loss = loss_fn(model(x_train * used), y_train)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    val_accuracies.append(accuracy(model, x_val * used, y_val))
    if val_accuracies[-1] == max(val_accuracies):
        best = (val_accuracies[-1], accuracy(model, x_test * used, y_test))
    if step % 5 == 0:
        print(
            f"step {step:2d}  loss {loss.item():.3f}  best val accuracy {best[0]:.3f}"
        )
print(f"val accuracy {best[0]:.3f}  test accuracy {best[1]:.3f}")
