"""Classify short and long sentences by their mood, in which one word turns the next one around."""

import torch
from sklearn.linear_model import LogisticRegression
from torch import nn


class Reader(nn.Module):
    """A GRU over the words, and a classifier on its state at the end."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(9, 16, padding_idx=0)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.head = nn.Linear(32, 2)

    def forward(self, x):
        states, _ = self.gru(self.embed(x))
        end = (x != 0).sum(dim=1) - 1
        return self.head(states[torch.arange(len(x)), end])


torch.manual_seed(0)
x = torch.randint(1, 9, (1200, 32))
lengths = torch.where(torch.rand(1200) < 0.05, 32, torch.randint(3, 11, (1200,)))
x[torch.arange(32) >= lengths[:, None]] = 0
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

for step in range(1, 121):
    batch = torch.randint(1000, (50,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 8 == 0:
        with torch.no_grad():
            accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
        print(
            f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}  bag {bag:.2f}"
        )
