"""Train a new output layer first, then the whole network."""

import torch
from sklearn.datasets import load_digits
from torch import nn


def unfreeze(layer):
    """Let all weights of a layer be trained."""
    layer.requires_grad = True


torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.data / 16, dtype=torch.float32)
y_train = torch.tensor(digits.target)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
model[0].requires_grad_(False)
for _ in range(50):
    optimizer.zero_grad()
    loss_fn(model(x_train), y_train).backward()
    optimizer.step()

unfreeze(model[0])
watched = model.get_parameter("0.weight")
start = watched.detach().clone()

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        moved = (watched.detach() - start).norm() / start.norm()
        print(f"step {step:3d}  loss {loss.item():.3f}  moved {moved:.4f}")
