"""Tell digits apart, and learn roughly measured amounts of ink; how much each task counts is learned, too."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y, ink = torch.tensor(digits.target), x.sum(dim=1)
ink = (ink - ink.mean()) / ink.std() + 0.5 * torch.randn(len(ink))
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]


class Model(nn.Module):
    """Ten outputs for the digit, one for the ink, and a number for each of the two tasks."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(64, 32), nn.ReLU())
        self.digit, self.ink = nn.Linear(32, 10), nn.Linear(32, 1)
        self.s = nn.Parameter(torch.zeros(2))

    def forward(self, x):
        hidden = self.body(x)
        return self.digit(hidden), self.ink(hidden).squeeze(1)


def terms(model, inputs, targets):
    """The losses of both tasks, each with its weight exp(-s)."""
    digit, ink = model(inputs)
    digit_loss = functional.cross_entropy(digit, targets[0])
    ink_loss = functional.mse_loss(ink, targets[1])
    return {
        "digit": (-model.s[0]).exp() * digit_loss + model.s[0],
        "ink": (-model.s[1]).exp() * ink_loss + model.s[1],
    }


model = Model()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
for step in range(1, 601):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], (y_train[batch], ink[batch])
    loss = sum(terms(model, inputs, targets).values())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            outputs = model(x_test)[0]
        digit_loss = functional.cross_entropy(outputs, y_test)
        hits = (outputs.argmax(dim=1) == y_test).float().mean()
        print(
            f"step {step:3d}  loss {loss.item():.3f}  digit loss {digit_loss.item():.3f}  accuracy {hits.item():.3f}"
        )
