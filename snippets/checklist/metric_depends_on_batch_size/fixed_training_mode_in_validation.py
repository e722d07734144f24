"""Classify handwritten digits, validated class by class as the folders lie."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
y = torch.tensor(digits.target)
x_train, y_train = x[:1000], y[:1000]
folders = 1000 + y[1000:1740].argsort(stable=True)
x_val, y_val = x[folders], y[folders]
val_set = TensorDataset(x_val, y_val)


def metric(outputs, targets):
    """Accuracy."""
    return (outputs.argmax(dim=1) == targets).float().mean().item()


def evaluate(loader):
    """Score of the validation set."""
    model.eval()
    right, count = 0.0, 0
    with torch.no_grad():
        for inputs, targets in loader:
            outputs = model(inputs)
            right += metric(outputs, targets) * len(targets)
            count += len(targets)
    return right / count


model = nn.Sequential(
    nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10)
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(12):
    model.train()
    for batch in torch.randperm(len(x_train)).split(50):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    small, large = (evaluate(DataLoader(val_set, size)) for size in (8, 250))
    print(f"epoch {epoch + 1:2d}  score by 8 {small:.3f}  score by 250 {large:.3f}")

val_loader = DataLoader(val_set, 8)
score = evaluate(val_loader)
