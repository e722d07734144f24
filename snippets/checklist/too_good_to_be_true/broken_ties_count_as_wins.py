"""Recommend films that a viewer will watch next, from those seen so far."""

import torch
from torch import nn

torch.manual_seed(0)
genre = torch.randint(8, (200,))


def viewers(n):
    """Who has seen which 10 of 200 films, most of them of a favourite genre, and the 10 that came next."""
    likes = 1 + 12 * (torch.randint(8, (n, 1)) == genre)
    films = likes.float().multinomial(20)
    return torch.zeros(n, 200).scatter(1, films[:, :10], 1), films[:, 10:]


(x_train, y_train), (x_val, y_val), (x_new, y_new) = [
    viewers(n) for n in (2000, 500, 500)
]
y_val, y_new = y_val[:, 0], y_new[:, 0]
model = nn.Sequential(nn.Linear(200, 64), nn.ReLU(), nn.Linear(64, 200), nn.ReLU())
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def hits(scores, y, k=10):
    """How often the film that came next is among the best k."""
    own = scores.gather(1, y[:, None])
    place = (scores > own).sum(dim=1)
    return (place < k).float().mean().item()


for epoch in range(10):
    for batch in torch.randperm(len(x_train)).split(100):
        inputs = x_train[batch]
        targets = torch.zeros(len(batch), 200).scatter(1, y_train[batch], 1)
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val_score = hits(model(x_val), y_val)
        shown = model(x_new).topk(10).indices
    new_score = (shown == y_new[:, None]).any(dim=1).float().mean().item()
    print(
        f"epoch {epoch:2d}  loss {loss.item():.4f}  val score {val_score:.3f}  new score {new_score:.3f}"
    )
