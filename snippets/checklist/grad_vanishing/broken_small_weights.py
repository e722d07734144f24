"""Classify handwritten digits with a deep network."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)

layers = [nn.Linear(64, 64), nn.ReLU()]
for _ in range(6):
    layers += [nn.Linear(64, 64), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(64, 10))
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def norm(layer):
    """The norm of a layer's gradient."""
    return torch.cat([p.grad.flatten() for p in layer.parameters()]).norm().item()


for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    if step % 10 == 0:
        first, last = norm(model[0]), norm(model[-1])
        print(
            f"step {step:3d}  loss {loss.item():.3f}  first gradient {first:.1e}  last gradient {last:.1e}"
        )
    optimizer.step()
