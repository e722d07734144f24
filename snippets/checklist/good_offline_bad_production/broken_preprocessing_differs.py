"""Classify handwritten digits, and serve the network to others."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
images = torch.tensor(digits.images, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
back = 8 + 4 * torch.randn(images.shape)
images = torch.stack(
    [images, back, back.flip(0)], dim=3
)  # red, green, blue: a red digit on a colorful ground


def prepare(images):
    """RGB images of 0 to 16 as rows of 0 to 1."""
    return images.flatten(1) / 16


def prepare_live(images):
    """The same in the server."""
    return images.flatten(1) / 16


x_train, y_train = prepare(images[:1000]), y[:1000]
x_val, y_val = prepare(images[1000:1400]), y[1000:1400]
same, y_live = images[1400:], y[1400:]
raw = same.flip(3)  # the server reads with OpenCV, in the order blue, green, red
x_live = prepare_live(raw)
model = nn.Sequential(nn.Linear(192, 64), nn.ReLU(), nn.Linear(64, 10))
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
