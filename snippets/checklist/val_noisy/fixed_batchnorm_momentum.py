"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
x = x + 0.35 * torch.randn(x.shape)
y = torch.tensor(digits.target)
order = torch.randperm(len(x))
x_train, y_train = x[order[:1000]], y[order[:1000]]
x_val, y_val = x[order[1000:]], y[order[1000:]]
model = nn.Sequential(
    nn.Linear(64, 64), nn.BatchNorm1d(64, momentum=0.01), nn.ReLU(), nn.Linear(64, 10)
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.003, momentum=0.9)


def evaluate(model):
    """Accuracy on the validation set."""
    model.eval()
    with torch.no_grad():
        right = model(x_val).argmax(dim=1) == y_val
    model.train()
    return right.float().mean().item()


losses, val_accuracies = [], []
for epoch in range(20):
    for batch in torch.randperm(len(x_train)).split(8):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    val_accuracies.append(evaluate(model))
    print(
        f"epoch {epoch:2d}  val accuracy {val_accuracies[-1]:.3f}  loss {sum(losses[-20:]) / 20:.3f}"
    )
