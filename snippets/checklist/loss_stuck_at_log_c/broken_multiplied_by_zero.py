"""Classify handwritten digits; settings come from a file."""

from dataclasses import dataclass, fields

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy, normalize

torch.manual_seed(0)


@dataclass
class Settings:
    lr: float = 1e-3
    hidden: int = 64
    scale: float = 0.0


file = {"lr": 3e-3, "hidden": 64, "Scale": 16.0, "epochs": 4}
known = {field.name for field in fields(Settings)}
settings = Settings(**{key: value for key, value in file.items() if key in known})

digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(
    nn.Linear(64, settings.hidden), nn.ReLU(), nn.Linear(settings.hidden, 10)
)


def loss_fn(outputs, targets):
    """Cross-entropy of normalized outputs, whose size a setting decides."""
    return cross_entropy(settings.scale * normalize(outputs, dim=1), targets)


optimizer = torch.optim.Adam(model.parameters(), lr=settings.lr)
for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        scores = settings.scale * outputs
        accuracy = (scores.argmax(dim=1) == targets).float().mean().item()
        print(f"step {step:3d}  loss {loss.item():.4f}  accuracy {accuracy:.2f}")
