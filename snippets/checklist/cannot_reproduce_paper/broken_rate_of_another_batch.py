"""Train the digit classifier of a paper, on a smaller machine."""

import torch
from sklearn.datasets import load_digits
from torch import nn

paper = {"error": 0.04, "parameters": 4810, "batch_size": 256, "lr": 1.6}

digits = load_digits()
torch.manual_seed(0)
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
batch_size = 16
optimizer = torch.optim.SGD(model.parameters(), lr=paper["lr"])

for step in range(800):
    batch = torch.randint(len(x_train), (batch_size,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 39:
        print(f"step {step + 1:4d}  loss {loss.item():.3f}")

model.eval()
with torch.no_grad():
    test_outputs = model(x_test)
error = (test_outputs.argmax(dim=1) != y_test).float().mean().item()
print(f"test error {error:.3f}  published error {paper['error']:.3f}")
