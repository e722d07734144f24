"""Train the same classifier of handwritten digits twice, in one program."""

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
x_train = torch.tensor(digits.data, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()


def build():
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    return model, torch.optim.SGD(model.parameters(), lr=0.1)


starts, histories, fingerprints = [], [], []
for _ in range(2):
    torch.manual_seed(0)
    model, optimizer = build()
    x = x_train / 16
    fingerprints.append(x_train.double().sum().item())
    starts.append([p.detach().clone() for p in model.parameters()])
    losses = []
    for _ in range(200):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    histories.append(losses)

for step in range(0, 200, 10):
    first, second = (losses[step] for losses in histories)
    print(f"step {step:3d}  run 1 loss {first:.4f}  run 2 loss {second:.4f}")
