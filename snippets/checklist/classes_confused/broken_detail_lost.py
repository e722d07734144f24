"""Classify handwritten digits after making them smaller."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.images / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x = nn.functional.adaptive_avg_pool2d(x, (3, 2))
x_train, y_train, x_test, y_test = x[:900], y[:900], x[900:], y[900:]


def augment(x):
    """Make pictures a little brighter or darker."""
    return x * (0.8 + 0.4 * torch.rand(len(x), 1, 1))


model = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

for epoch in range(20):
    for batch in torch.randperm(len(x_train)).split(50):
        inputs, targets = augment(x_train[batch]), y_train[batch]
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
