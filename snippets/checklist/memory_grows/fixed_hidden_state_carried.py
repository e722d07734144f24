"""Predict the next value of a long wave, chunk by chunk, update once a pass; then value by value, as they arrive."""

import weakref

import torch
from torch import nn

torch.manual_seed(0)
wave = torch.sin(torch.arange(0, 121) * 0.3).view(1, -1, 1)


class Reader(nn.Module):
    """A recurrent network that carries its state from chunk to chunk."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(1, 16, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, x, hidden=None):
        states, hidden = self.gru(x, hidden)
        return self.head(states), hidden


def answer(x):
    """Read a wave value by value, and predict the next of each."""
    outputs, hidden = [], None
    for value in x.split(1, dim=1):
        output, hidden = model(value, hidden)
        outputs.append(output)
    return torch.cat(outputs, dim=1)


class Mark:
    """Hangs on a graph, and lives as long as the graph does."""


model, loss_fn = Reader(), nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
alive: weakref.WeakSet = weakref.WeakSet()
losses, predictions, total, hidden = [], [], 0.0, None
optimizer.zero_grad()
for step in range(1, 25):
    start = 5 * (step - 1)
    inputs = wave[:, start : start + 5]
    targets = wave[:, start + 1 : start + 6]
    outputs, hidden = model(inputs, hidden)
    hidden.grad_fn.metadata["mark"] = mark = Mark()
    alive.add(mark)
    del mark
    loss = loss_fn(outputs, targets)
    loss.backward()
    hidden = hidden.detach()
    losses.append(loss.item())
    predictions.append(outputs.detach())
    total += losses[-1]
    print(f"step {step:3d}  graphs alive {len(alive):3d}  mean {total / step:.4f}")
optimizer.step()
error = loss_fn(answer(wave[:, :-1]), wave[:, 1:]).item()
print(f"step  24  live {error:.4f}")
