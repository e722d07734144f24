"""Classify handwritten digits; look at the features of photographic negatives; compare both modes."""

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
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=64, shuffle=True)
negatives = DataLoader(TensorDataset(1 - x_train), batch_size=64)
model = nn.Sequential(
    nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def report(name):
    with torch.no_grad():
        in_train = loss_fn(copy.deepcopy(model).train()(x_test), y_test).item()
        in_eval = loss_fn(copy.deepcopy(model).eval()(x_test), y_test).item()
    print(f"{name}  train mode loss {in_train:.3f}  eval mode loss {in_eval:.3f}")


step = 0
for _ in range(5):
    for inputs, targets in train_loader:
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 9:
            report(f"step {step:3d}")
        step += 1

features = []
model.eval()
with torch.no_grad():
    for (images,) in negatives:
        features.append(model[:3](images))
report(f"step {step:3d}")
