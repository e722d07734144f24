"""Classify handwritten digits; stop when the validation loss improves no more."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_val, y_val = x[:1400], y[:1400], x[1400:], y[1400:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
patience = 40

losses, history, best, waited = [], [], float("inf"), 0
for step in range(1200):
    batch = torch.randint(len(x_train), (16,))
    inputs, targets = x_train[batch], y_train[batch]
    loss = loss_fn(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    if step % 10 == 0:
        some = torch.randint(len(x_val), (16,))
        with torch.no_grad():
            history.append(loss_fn(model(x_val[some]), y_val[some]).item())
        print(f"step {step:4d}  validation loss {history[-1]:.3f}")
        waited = 0 if history[-1] < best else waited + 1
        best = min(best, history[-1])
        if waited > patience:
            break
