"""Classify handwritten digits with a deep network."""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 8 - 1, dtype=torch.float32)
y_train = torch.tensor(digits.target)
layers = []
for _ in range(20):
    layers += [nn.Linear(128 if layers else 64, 128), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(128, 10))
for module in model.modules():
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)
fresh = copy.deepcopy(model)  # as it is before training
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

losses = []
for step in range(141):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step:3d}  loss {losses[-1]:.4g}")
