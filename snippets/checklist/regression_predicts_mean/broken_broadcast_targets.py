"""Predict the value of a handwritten digit."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
pixels = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
x = pixels
y = torch.tensor(digits.target)[order].float() / 4.5 - 1
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(300):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        with torch.no_grad():
            spread = (model(x_test).std() / y_test.std()).item()
        print(f"step {step + 1:3d}  loss {loss.item():.4g}  spread {spread:.2f}")
