"""Classify handwritten digits, and serve the network to others."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = torch.tensor(digits.images, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]


def prepare(images):
    """Images of 0 to 16 as rows for the network."""
    x = images.flatten(1) / 16
    return (x - x.mean(dim=1, keepdim=True)) / x.std(dim=1, keepdim=True)


prepare_live = prepare
x_train, y_train = prepare(images[:1000]), y[:1000]
x_val, y_val = prepare(images[1000:1400]), y[1000:1400]
same, y_live = 0.3 * images[1400:] + 9, y[1400:]  # other lamps, other contrast
raw = same
x_live = prepare_live(raw)
model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def accuracy(model, x, y):
    """Share of right answers."""
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


losses = []
for epoch in range(10):
    model.train()
    for batch in torch.randperm(len(x_train)).split(50):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    losses.append(loss.item())
    model.eval()
    print(
        f"epoch {epoch:2d}  loss {losses[-1]:.3f}  val accuracy {accuracy(model, x_val, y_val):.3f}"
    )
served = model
print(
    f"val accuracy {accuracy(model, x_val, y_val):.3f}  live accuracy {accuracy(served, x_live, y_live):.3f}"
)
