"""Classify handwritten digits with a normalized network and batches that fit into little memory."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


def norm(width):
    """The normalization behind each layer."""
    return nn.GroupNorm(8, width)


torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1400], y[:1400], x[1400:], y[1400:]
train_loader = DataLoader(TensorDataset(x_train, y_train), batch_size=2, shuffle=True)
layers = [
    nn.Linear(64, 64),
    norm(64),
    nn.ReLU(),
    nn.Linear(64, 64),
    norm(64),
    nn.ReLU(),
    nn.Linear(64, 10),
]
model = nn.Sequential(*layers)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

for step, (inputs, targets) in enumerate(train_loader):
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 49:
        model.eval()
        with torch.no_grad():
            accuracy = (model(x_test).argmax(dim=1) == y_test).float().mean().item()
        model.train()
        print(f"step {step:3d}  loss {loss.item():.3f}  test accuracy {accuracy:.3f}")
