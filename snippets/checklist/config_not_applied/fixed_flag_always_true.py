"""Classify handwritten digits, with dropout and without."""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()
parser = argparse.ArgumentParser()
parser.add_argument("--dropout", action=argparse.BooleanOptionalAction)

histories = []
for line in (["--no-dropout"], ["--dropout"]):
    args = parser.parse_args(line)
    torch.manual_seed(0)
    dropout = nn.Dropout(0.5 if args.dropout else 0.0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), dropout, nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(200):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    histories.append(losses)

for step in range(0, 200, 10):
    first, second = (losses[step] for losses in histories)
    print(f"step {step:3d}  setting 1 loss {first:.4f}  setting 2 loss {second:.4f}")
