"""Train a classifier of handwritten digits further, at two learning rates."""

import argparse

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
saved = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9).state_dict()

histories = []
for line in (["--lr", "0.1"], ["--lr", "0.01"]):
    args = parser.parse_args(line)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    optimizer.load_state_dict(saved)
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
