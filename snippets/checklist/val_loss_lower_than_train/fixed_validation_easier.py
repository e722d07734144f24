"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
x = x + torch.linspace(0, 0.7, len(x))[:, None] * torch.randn(
    x.shape
)  # dust collects on the lens
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x_train, y_train = x[order[:1437]], y[order[:1437]]
x_val, y_val = x[order[1437:]], y[order[1437:]]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def evaluate(x, y):
    """Mean loss in evaluation mode."""
    model.eval()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(x), y).item()
    model.train()
    return loss


losses, val_losses = [], []
for epoch in range(12):
    for batch in torch.randperm(len(x_train)).split(32):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    train_loss = sum(losses[-45:]) / 45
    val_losses.append(evaluate(x_val, y_val))
    print(f"epoch {epoch:2d}  loss {train_loss:.3f}  val loss {val_losses[-1]:.3f}")
