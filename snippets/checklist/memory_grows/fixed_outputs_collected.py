"""Read handwritten digits row by row; predict those of the test set batch by batch."""

import weakref

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.images / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]


class Reader(nn.Module):
    """A recurrent network over the rows of an image."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 32, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x, hidden=None):
        states, hidden = self.gru(x, hidden)
        return self.head(states[:, -1]), hidden


class Mark:
    """Hangs on a graph, and lives as long as the graph does."""


model, loss_fn = Reader(), nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(40):
    batch = torch.randint(len(x_train), (64,))
    optimizer.zero_grad()
    loss_fn(model(x_train[batch])[0], y_train[batch]).backward()
    optimizer.step()

alive: weakref.WeakSet = weakref.WeakSet()
predictions, total = [], 0.0
for step in range(1, 40):
    rows = slice(20 * step - 20, 20 * step)
    inputs, targets = x_test[rows], y_test[rows]
    with torch.no_grad():
        outputs, hidden = model(inputs)
    if outputs.grad_fn is not None:
        outputs.grad_fn.metadata["mark"] = mark = Mark()
        alive.add(mark)
        del mark
    predictions.append(outputs.softmax(dim=1))
    total += (outputs.argmax(dim=1) == targets).sum().item()
    if step % 3 == 0:
        share = total / (20 * step)
        print(f"step {step:3d}  graphs alive {len(alive):3d}  accuracy {share:.3f}")
