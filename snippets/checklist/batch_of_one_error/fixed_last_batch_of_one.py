"""Train a small network on handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32).view(-1, 1, 8, 8)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1217], y[:1217], x[1217:], y[1217:]
train_loader = DataLoader(
    TensorDataset(x_train, y_train), batch_size=64, shuffle=True, drop_last=True
)
model = nn.Sequential(
    nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10)
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)

step = 0
for _ in range(2):
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 2 == 0:
            print(f"step {step:3d}  loss {loss.item():.3f}")
        step += 1
