"""Add up a sequence of numbers."""

import math

import torch
from torch import nn


class Net(nn.Module):
    """A recurrent layer, and an answer after the last step."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(1, 32, nonlinearity="relu", batch_first=True)
        nn.init.normal_(self.rnn.weight_hh_l0, std=0.4)
        self.last = nn.Linear(32, 1)

    def forward(self, x):
        return self.last(self.rnn(x)[0][:, -1])


torch.manual_seed(0)
x_train = torch.randn(1000, 40, 1)
y_train = x_train.sum(dim=1) / 40**0.5
model = Net()
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

for step in range(100):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0).item()
    if step % 10 == 0 or not math.isfinite(loss.item()):
        print(f"step {step:3d}  loss {loss.item():.4g}  gradient {norm:.3g}")
    if not math.isfinite(loss.item()):
        break
    optimizer.step()
