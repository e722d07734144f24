"""Classify handwritten digits; validate twice in every epoch."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train, x_val, y_val = x[:1200], y[:1200], x[1200:], y[1200:]
train_loader = DataLoader(TensorDataset(x_train, y_train), 50, shuffle=True)
model = nn.Sequential(
    nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.8), nn.Linear(128, 10)
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def validate():
    """Accuracy on the validation set."""
    model.eval()
    with torch.no_grad():
        found = model(x_val).argmax(dim=1)
    return (found == y_val).float().mean().item()


losses = []
for _ in range(10):
    model.train()
    for inputs, targets in train_loader:
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if len(losses) % 12 == 0:
            accuracy = validate()
            average = sum(losses[-12:]) / 12
            print(
                f"step {len(losses):3d}  loss {average:.3f}  val accuracy {accuracy:.3f}"
            )
