"""Classify handwritten digits, read row by row by a recurrent network."""

import torch
from sklearn.datasets import load_digits
from torch import nn


class Reader(nn.Module):
    """A GRU over the rows of a picture, and a classifier on its last output."""

    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 48, batch_first=True)
        self.head = nn.Linear(48, 10)

    def forward(self, x):
        states, _ = self.gru(x)
        return self.head(states[:, -1])


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.images / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_val, y_val = x[:1697], y[:1697], x[1697:], y[1697:]
model = Reader()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)

for step in range(120):
    batch = torch.randint(len(x_train), (16,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        with torch.no_grad():
            accuracy = (model(x_val).argmax(1) == y_val).float().mean().item()
        print(f"step {step + 1:3d}  loss {loss.item():.3f}  accuracy {accuracy:.2f}")
