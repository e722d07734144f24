"""Classify handwritten digits, by least squares."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
one_hot = nn.functional.one_hot(y_train).float()
model = nn.Linear(64, 10)
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], one_hot[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            right = model(x_train).argmax(dim=1) == y_train
        accuracy = right.float().mean()
        print(f"step {step:3d}  loss {loss.item():.3f}  accuracy {accuracy:.3f}")
