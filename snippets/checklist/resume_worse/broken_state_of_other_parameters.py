"""Predict two numbers of a digit, each with a head; the run is interrupted and goes on from a file."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
value = torch.tensor(digits.target, dtype=torch.float32)[order]
targets_of = {"value": value / 10, "ink": 100 * x.mean(dim=1)}


class Net(nn.Module):
    def __init__(self, names):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
        self.heads = nn.ModuleDict({name: nn.Linear(64, 1) for name in names})

    def forward(self, inputs):
        return {n: head(self.trunk(inputs))[:, 0] for n, head in self.heads.items()}


def loss_of(model, rows):
    """Both squared errors, each as a share of the variance."""
    outputs = model(x[rows])
    return sum(
        (outputs[n] - y[rows]).square().mean() / y.var() for n, y in targets_of.items()
    )


def train(model, optimizer, first, last):
    for step in range(first, last):
        loss = loss_of(model, torch.randint(1400, (512,)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 1:
            with torch.no_grad():
                test = loss_of(model, slice(1400, None))
            print(f"step {step:3d}  test loss {test:.4f}")
    return step + 1


def start(names):
    model = Net(names)
    return model, torch.optim.Adam(model.parameters(), lr=0.01)


model, optimizer = start(["value", "ink"])
step = train(model, optimizer, 0, 200)
saved = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
torch.save({**saved, "step": step}, "last.pt")

model, optimizer = start(["ink", "value"])  # after the interruption
checkpoint = torch.load("last.pt")
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
step = train(model, optimizer, checkpoint["step"], 400)
