"""Classify sentences by their mood, word after word as they arrive; one word turns the next one around."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import nn


class Reader(nn.Module):
    """A GRU over words, and a classifier on its last state."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 16)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, x, state=None):
        states, state = self.gru(self.embed(x), state)
        return self.head(states[:, -1]), state


torch.manual_seed(0)
x = torch.randint(1, 9, (1200, 12))
mood = ((x == 1) | (x == 2)).float() - ((x == 3) | (x == 4)).float()
turned = nn.functional.pad(x[:, :-1] == 5, (1, 0))
y = (torch.where(turned, -mood, mood).sum(dim=1) >= 0).long()
counts = nn.functional.one_hot(x, 9).sum(1)[:, 1:]
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
without_order = LogisticRegression(max_iter=1000).fit(counts[:1000], y_train)
bag = without_order.score(counts[1000:], y_test)
model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)


def answer(x):
    """Read sentences word by word, and answer after the last one."""
    for word in x.split(1, dim=1):
        outputs, _ = model(word)
    return outputs


for step in range(1, 121):
    batch = torch.randint(1000, (50,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs, _ = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 8 == 0:
        with torch.no_grad():
            accuracy = (answer(x_test).argmax(1) == y_test).float().mean().item()
        print(
            f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}  bag {bag:.2f}"
        )
