"""Classify handwritten digits; a step may keep 2 MB for the backward pass."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
y = torch.tensor(digits.target)
x_train, y_train, x_test, y_test = x[:1000], y[:1000], x[1000:], y[1000:]
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(8, 8, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(512, 10),
)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
kept: dict = {}


def keep(tensor):
    """Note what autograd keeps, each piece of memory once."""
    storage = tensor.untyped_storage()
    kept[storage.data_ptr()] = storage.nbytes()
    return tensor


for step in range(1, 21):
    peak = 0
    kept.clear()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        batch = torch.randint(len(x_train), (64,))
        inputs, targets = x_train[batch], y_train[batch]
        outputs = model(inputs)
        loss = loss_fn(outputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        peak = max(peak, sum(kept.values()))
        kept.clear()
        with torch.no_grad():
            predictions = model(x_test)
        peak = max(peak, sum(kept.values()))
    accuracy = (predictions.argmax(dim=1) == y_test).float().mean().item()
    print(f"step {step:3d}  kept MB {peak / 1e6:.1f}  accuracy {accuracy:.2f}")
