"""Find the article that answers a customer's question; few articles answer most questions."""

import torch
from torch import nn

torch.manual_seed(0)
meaning = torch.randn(100, 16)
often = torch.arange(1.0, 101.0) ** -1.5


def questions(n):
    """Questions, each near the meaning of its article, and the numbers of these articles."""
    y = often.multinomial(n, replacement=True)
    return meaning[y] + 1.1 * torch.randn(n, 16), y


(x_train, y_train), (x_test, y_test) = questions(4000), questions(1000)
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 16))
articles = nn.Embedding(100, 16)
optimizer = torch.optim.Adam([*model.parameters(), *articles.parameters()], lr=0.01)


def loss_fn(outputs, targets):
    """Find the article of each question among those of the batch."""
    candidates, place = targets, torch.arange(len(targets))
    a = nn.functional.normalize(articles(candidates), dim=1)
    return nn.functional.cross_entropy(
        20 * nn.functional.normalize(outputs, dim=1) @ a.T, place
    )


for step in range(1, 151):
    batch = torch.randint(len(x_train), (512,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            z = nn.functional.normalize(model(x_test), dim=1)
            a = nn.functional.normalize(articles.weight, dim=1)
        accuracy = ((z @ a.T).argmax(dim=1) == y_test).float().mean().item()
        distance = torch.cdist(z, z).mean().item()
        print(
            f"step {step:3d}  loss {loss.item():.5f}  distance {distance:.3f}  accuracy {accuracy:.3f}"
        )
