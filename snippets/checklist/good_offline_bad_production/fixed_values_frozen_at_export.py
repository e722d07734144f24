"""Guess what a visitor of a site does next from the pages that he opened, and export the network."""

import warnings

import torch
from torch import nn

torch.manual_seed(0)


def visits(n):
    """Rows of up to 12 pages, 0 after the last one; the next one depends on the last two."""
    lengths = torch.randint(2, 13, (n, 1))
    pages = torch.randint(1, 31, (n, 12)) * (torch.arange(12) < lengths)
    last, before = (pages.gather(1, lengths - k)[:, 0] for k in (1, 2))
    return pages, (last + before // 16) % 4


(x_train, y_train), (x_val, y_val), (x_live, y_live) = map(visits, (2000, 200, 200))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pages = nn.Embedding(31, 16, padding_idx=0)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.out = nn.Linear(32, 4)

    def forward(self, inputs):
        states, _ = self.gru(self.pages(inputs))
        lengths = (inputs > 0).sum(dim=1)
        last = states[torch.arange(len(inputs)), lengths - 1]
        return self.out(last)


model = Net()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)


def accuracy(model, x, y):
    """Share of right answers."""
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


for epoch in range(5):
    for batch in torch.randperm(len(x_train)).split(100):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = accuracy(model, x_val, y_val)
    print(f"epoch {epoch}  loss {loss.item():.3f}  val accuracy {right:.3f}")
with warnings.catch_warnings(action="ignore"):
    served = torch.jit.trace(model.eval(), x_val)
live = accuracy(served, x_live, y_live)
print(f"val accuracy {accuracy(served, x_val, y_val):.3f}  live accuracy {live:.3f}")
