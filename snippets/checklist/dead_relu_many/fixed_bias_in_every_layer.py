"""Say for each digit class whether the image shows it; all classes are rare."""

import math

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
y_train = nn.functional.one_hot(y_train, 10).float()
first, last = nn.Linear(64, 64), nn.Linear(64, 10)
model = nn.Sequential(first, nn.ReLU(), last)
nn.init.constant_(last.bias, -math.log(0.99 / 0.01))
loss_fn = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            dead = (model[:2](x_train) <= 0).all(dim=0).float().mean()
        print(f"step {step:3d}  loss {loss.item():.3f}  dead {dead:.2f}")
