"""Classify handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.data / 16, dtype=torch.float32)
files = [f"{number}.png" for number in range(len(x))]
images = dict(zip(files, x, strict=True))
y = torch.tensor(digits.target)
x = torch.stack([images[file] for file in files])
order = torch.randperm(len(x))
x_train, y_train = x[order[:1437]], y[order[:1437]]
x_val, y_val = x[order[1437:]], y[order[1437:]]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def score(x, y):
    """Loss and accuracy."""
    model.eval()
    with torch.no_grad():
        outputs = model(x)
    model.train()
    return loss_fn(outputs, y).item(), (
        outputs.argmax(dim=1) == y
    ).float().mean().item()


losses = []
for epoch in range(12):
    for batch in torch.randperm(len(x_train)).split(64):
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    train_loss, accuracy = score(x_train, y_train)
    _, val_accuracy = score(x_val, y_val)
    losses.append(train_loss)
    print(
        f"epoch {epoch:2d}  loss {train_loss:.3f}  accuracy {accuracy:.3f}  val accuracy {val_accuracy:.3f}"
    )
