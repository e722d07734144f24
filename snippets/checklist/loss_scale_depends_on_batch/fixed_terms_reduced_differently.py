"""Remove noise from images, with a penalty on hidden values; the log shows its weight in small and large images."""

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(0)
digits = load_digits()
x_train = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)


def terms(model, inputs, targets):
    """Both terms of the loss."""
    hidden = model[:2](inputs)
    penalty = hidden.square().mean()
    return {
        "error": (model(inputs) - targets).square().mean(),
        "penalty": 0.1 * penalty,
    }


def weight(scale):
    """How large the gradient of the penalty is, in comparison with that of the error."""
    images = x_train[torch.randint(len(x_train), (64,))]
    images = images.repeat_interleave(scale, dim=2).repeat_interleave(scale, dim=3)
    both = terms(model, images + 0.3 * torch.randn_like(images), images)
    first = list(model[0].parameters())
    norms = [
        torch.nn.utils.get_total_norm(torch.autograd.grad(both[name], first))
        for name in ("penalty", "error")
    ]
    return norms[0] / norms[1]


for step in range(100):
    if step % 5 == 0:
        small, large = weight(1), weight(4)
    targets = x_train[torch.randint(len(x_train), (64,))]
    inputs = targets + 0.3 * torch.randn_like(targets)
    error, penalty = terms(model, inputs, targets).values()
    loss = error + penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(
            f"step {step:3d}  loss {loss.item():.4f}  small {small:.3f}  large {large:.3f}"
        )
