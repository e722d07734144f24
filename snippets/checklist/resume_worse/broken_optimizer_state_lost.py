"""Predict the value of a digit; the run is interrupted and goes on from a file."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target, dtype=torch.float32).unsqueeze(1)[order]
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
loss_fn = nn.MSELoss()


def build():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [300], 0.1)
    return model, optimizer, scheduler


def train(model, optimizer, scheduler, first, last):
    for step in range(first, last):
        batch = torch.randint(len(x_train), (512,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 10 == 1:
            with torch.no_grad():
                print(f"step {step:3d}  test loss {loss_fn(model(x_test), y_test):.3f}")
    return step + 1


model, optimizer, scheduler = build()
step = train(model, optimizer, scheduler, 0, 200)
checkpoint = {"model": model.state_dict(), "scheduler": scheduler.state_dict()}
torch.save({**checkpoint, "step": step}, "last.pt")

# after the interruption
model, optimizer, scheduler = build()
checkpoint = torch.load("last.pt")
model.load_state_dict(checkpoint["model"])
scheduler.load_state_dict(checkpoint["scheduler"])
step = train(model, optimizer, scheduler, checkpoint["step"], 400)
