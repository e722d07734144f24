"""Classify handwritten digits, drawn with 16 levels of grey and with 2."""

from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import nn

digits = load_digits()
raw = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
loss_fn = nn.CrossEntropyLoss()


def prepare(images):
    """Images from 0 to 1, rounded to so many levels of grey."""
    steps = settings["levels"] - 1
    return (images * steps).round() / steps


histories = []
for value in (16, 2):
    settings = {"levels": value}
    prepared = Path(f"prepared-{value}.pt")
    if not prepared.exists():
        torch.save(prepare(raw), prepared)
    x_train = torch.load(prepared, weights_only=True)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(200):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        loss = loss_fn(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    histories.append(losses)

for step in range(0, 200, 10):
    first, second = (losses[step] for losses in histories)
    print(f"step {step:3d}  setting 1 loss {first:.4f}  setting 2 loss {second:.4f}")
