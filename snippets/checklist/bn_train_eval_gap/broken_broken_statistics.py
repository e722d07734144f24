"""Classify handwritten digits, and compare both modes on the test images."""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1500], y[:1500], x[1500:], y[1500:]
x_train[700, 20] = float("inf")  # one broken pixel
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)
model = nn.Sequential(
    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

step = 0
for _ in range(5):
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        if not torch.isfinite(loss):
            continue
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            with torch.no_grad():
                in_train = loss_fn(copy.deepcopy(model).train()(x_test), y_test).item()
                in_eval = loss_fn(copy.deepcopy(model).eval()(x_test), y_test).item()
            print(
                f"step {step:3d}  train mode loss {in_train:.3f}  eval mode loss {in_eval:.3f}"
            )
        step += 1
