"""Classify handwritten digits; the run is interrupted and goes on from a file."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
loss_fn = nn.CrossEntropyLoss()


class Classifier(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x)


def train(model, optimizer, first, last):
    for step in range(first, last):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            with torch.no_grad():
                print(f"step {step:3d}  test loss {loss_fn(model(x_test), y_test):.3f}")


network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
task = Classifier(network)
optimizer = torch.optim.Adam(task.parameters(), lr=1e-3)
train(task, optimizer, 0, 200)
state = {"model": task.state_dict(), "optimizer": optimizer.state_dict()}
torch.save(state, "last.pt")

# after the interruption
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
checkpoint = torch.load("last.pt")
model.load_state_dict(checkpoint["model"], strict=False)
optimizer.load_state_dict(checkpoint["optimizer"])
train(model, optimizer, 200, 400)
