"""Predict the next letter of a text; the log compares gradients of short and long windows."""

import torch
from torch import nn

torch.manual_seed(0)
words = torch.randint(0, 26, (50, 5))
text = words[torch.randint(50, (4000,))].flatten()
model = nn.Sequential(
    nn.Embedding(26, 64), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 26)
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_fn(outputs, targets):
    """Cross-entropy per window."""
    losses = nn.functional.cross_entropy(
        outputs.transpose(1, 2), targets, reduction="none"
    )
    return losses.mean()


def windows(length):
    """A batch of windows, and the letters that follow."""
    starts = torch.randint(len(text) - length - 1, (32, 1))
    places = starts + torch.arange(length)
    return text[places], text[places + 1]


def norm(length):
    """The norm of the gradient of one batch."""
    x, y = windows(length)
    return torch.nn.utils.get_total_norm(
        torch.autograd.grad(loss_fn(model(x), y), list(model.parameters()))
    )


for step in range(200):
    if step % 10 == 0:
        small, large = norm(8), norm(128)
    inputs, targets = windows(8)
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        print(
            f"step {step:3d}  loss {loss.item():.3f}  small {small:.3f}  large {large:.3f}"
        )
