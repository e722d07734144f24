"""Classify handwritten digits, prune most weights, and serve the network to others."""

import copy

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = torch.tensor(digits.images, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]


def prepare(images):
    """Images of 0 to 16 as rows of 0 to 1."""
    return images.flatten(1) / 16


x_train, y_train = prepare(images[:1000]), y[:1000]
x_val, y_val = prepare(images[1000:1400]), y[1000:1400]
x_live, y_live = prepare(images[1400:]), y[1400:]
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
matrices = [model[0].weight, model[2].weight]
masks = [torch.ones_like(w) for w in matrices]
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def accuracy(model, x, y):
    """Share of right answers."""
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


def prune(matrices, masks):
    """Set to 0 what the masks leave out."""
    with torch.no_grad():
        for w, mask in zip(matrices, masks, strict=True):
            w.mul_(mask)


for epoch in range(20):
    if epoch == 10:  # keep the largest tenth of each matrix
        masks = [(w.abs() > w.abs().quantile(0.9)).float() for w in matrices]
        prune(matrices, masks)
    for batch in torch.randperm(len(x_train)).split(50):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        prune(matrices, masks)
    print(f"epoch {epoch:2d}  val accuracy {accuracy(model, x_val, y_val):.3f}")
served = copy.deepcopy(model)
prune([served[0].weight, served[2].weight], masks)
print(
    f"val accuracy {accuracy(model, x_val, y_val):.3f}  live accuracy {accuracy(served, x_live, y_live):.3f}"
)
