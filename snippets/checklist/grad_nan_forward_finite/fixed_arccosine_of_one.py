"""Turn directions in the plane by a right angle."""

import math

import torch
from torch import nn

torch.manual_seed(0)
angles = 2 * math.pi * torch.rand(1000)
x_train = torch.stack([angles.cos(), angles.sin()], dim=1)
y_train = torch.stack([-angles.sin(), angles.cos()], dim=1)
model = nn.Linear(2, 2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)


def loss_fn(outputs, targets):
    """Mean angle between directions."""
    cosine = nn.functional.cosine_similarity(outputs, targets)
    return cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos().mean()


for step in range(300):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.get_total_norm(
        [p.grad for p in model.parameters() if p.grad is not None]
    ).item()
    if step % 10 == 0 or math.isnan(norm):
        print(f"step {step:3d}  loss {loss.item():.4g}  gradient {norm:.3g}")
    if math.isnan(norm):
        break
    optimizer.step()
