"""Predict which two people know each other, from the acquaintances that are known so far."""

import torch
from torch import nn

torch.manual_seed(0)
circle = torch.randint(5, (300,))
x = torch.combinations(torch.arange(300))
near = circle[x[:, 0]] == circle[x[:, 1]]
y = (torch.rand(len(x)) < torch.where(near, 0.15, 0.03)).long()
strangers = (y == 0).nonzero().flatten()
strangers = strangers[torch.randperm(len(strangers))[: int(y.sum())]]
some = torch.cat([(y == 1).nonzero().flatten(), strangers])
some = some[torch.randperm(len(some))]
x, y, x_new, y_new = x[some[600:]], y[some[600:]], x[some[:600]], y[some[:600]]


def both_ways(x, y):
    """Whoever knows somebody is known to them."""
    return torch.cat([x, x.flip(1)]), torch.cat([y, y])


order = torch.randperm(len(x))
train, val = order[: int(0.9 * len(x))], order[int(0.9 * len(x)) :]
x_train, y_train = both_ways(x[train], y[train])
x_val, y_val = both_ways(x[val], y[val])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.person = nn.Embedding(300, 32)
        self.out = nn.Linear(32, 2)

    def forward(self, x):
        person = self.person(x)
        return self.out(person[:, 0] * person[:, 1])


model, loss_fn = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def score(x, y):
    """Accuracy; both classes are equally frequent."""
    return (model(x).argmax(dim=1) == y).float().mean().item()


for epoch in range(8):
    for batch in torch.randperm(len(x_train)).split(128):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = f"val score {score(x_val, y_val):.3f}  new score {score(x_new, y_new):.3f}"
    print(f"epoch {epoch:2d}  loss {loss.item():.3f}  {scores}")
