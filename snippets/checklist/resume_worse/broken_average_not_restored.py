"""Classify handwritten digits; the run is interrupted and goes on from a file."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
loss_fn = nn.CrossEntropyLoss()


def build():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    return (
        model,
        optimizer,
        AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98)),
    )


def train(model, ema, optimizer, first, last):
    for step in range(first, last):
        batch = torch.randint(len(x_train), (8,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update_parameters(model)
        if step % 20 == 1:
            with torch.no_grad():
                print(f"step {step:3d}  test loss {loss_fn(ema(x_test), y_test):.3f}")
    return step + 1


model, optimizer, ema = build()
step = train(model, ema, optimizer, 0, 400)
state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
torch.save({**state, "step": step}, "last.pt")

# after the interruption
model, optimizer, ema = build()
checkpoint = torch.load("last.pt")
model.load_state_dict(checkpoint["model"])
optimizer.load_state_dict(checkpoint["optimizer"])
step = train(model, ema, optimizer, checkpoint["step"], 800)
