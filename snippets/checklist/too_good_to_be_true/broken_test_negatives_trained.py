"""Recommend films to 200 viewers: rank the one that each watched last among 49 others."""

import torch
from torch import nn

torch.manual_seed(0)
genre, viewers = torch.randint(8, (200,)), torch.arange(200)[:, None]
likes = 1 + 12 * (torch.randint(8, (200, 1)) == genre)
films = likes.float().multinomial(21)  # of 200; the last one is not for training
watched, last = films[:, :20], films[:, 20:]
others = torch.rand(200, 200).scatter(1, films, -1.0).argsort(dim=1, descending=True)
negatives = others[:, :60]


def pairs(right, wrong):
    """Rows of viewer and film, and whether he watched it."""
    films = torch.cat([right, wrong], dim=1)
    y = (torch.arange(films.shape[1]) < right.shape[1]).float().repeat(200)
    return torch.stack([viewers.expand_as(films), films], dim=2).flatten(0, 1), y


x_train, y_train = pairs(watched, negatives)
x_val, y_val = pairs(last, others[:, :49])
x_new, y_new = pairs(last, others[:, 100:149])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(200, 32) for _ in range(2))
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, inputs):
        return (self.tables[0](inputs[:, 0]) * self.tables[1](inputs[:, 1])).sum(dim=1)


model = Net()
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def hits(x, k=10):
    """How often the film watched last is among the best k."""
    scores = model(x).detach().view(200, 50)
    return ((scores >= scores[:, :1]).sum(dim=1) <= k).float().mean().item()


for epoch in range(12):
    for batch in torch.randperm(len(x_train)).split(500):
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    val_score, new_score = hits(x_val), hits(x_new)
    print(
        f"epoch {epoch:2d}  loss {loss.item():.3f}  val score {val_score:.3f}  new score {new_score:.3f}"
    )
