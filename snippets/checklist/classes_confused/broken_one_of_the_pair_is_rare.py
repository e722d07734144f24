"""Classify handwritten digits; not all of them are collected yet."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.images / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_test, y_test = x[:900], y[:900], x[900:], y[900:]
few = (y_train == 9).nonzero().flatten()[5:]
keep = torch.ones(900, dtype=torch.bool)
keep[few] = False
x_train, y_train = x_train[keep], y_train[keep]

model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(20):
    for batch in torch.randperm(len(x_train)).split(50):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = model(x_test).argmax(dim=1)
    pairs = torch.zeros(10, 10).index_put((y_test, found), torch.ones(()), True)
    shares = pairs / pairs.sum(dim=1, keepdim=True)
    worst = shares.fill_diagonal_(0).max().item()
    accuracy = (found == y_test).float().mean().item()
    print(f"epoch {epoch + 1:2d}  accuracy {accuracy:.2f}  worst pair {worst:.2f}")
