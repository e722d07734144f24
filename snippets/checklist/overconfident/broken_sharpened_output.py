"""Classify handwritten digits, some of them hard to read."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x, y = x[order], y[order]
x = (x + 0.5 * torch.randn_like(x)).clamp(0, 1)  # a poor camera
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
temperature = 0.2
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)

for step in range(100):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (step + 1) % 10 == 0:
        with torch.no_grad():
            probabilities = (model(x_test) / temperature).softmax(dim=1)
            test_loss = nn.functional.nll_loss(probabilities.log(), y_test)
        confidence, answer = probabilities.max(dim=1)
        right = (answer == y_test).float().mean()
        print(
            f"step {step + 1:3d}  test loss {test_loss:.3f}  "
            f"confidence {confidence.mean():.3f}  accuracy {right:.3f}"
        )
