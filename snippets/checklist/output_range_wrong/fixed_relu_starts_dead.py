"""Learn how dense a disc is from the light that gets through it along rays."""

import torch
from torch import nn

torch.manual_seed(0)
depth = torch.linspace(-1, 1, 32)


def points(count):
    """Points on rays that cross the square: (rays, 32, 2)."""
    offset, angle = 2 * torch.rand(count, 1) - 1, 6.3 * torch.rand(count, 1)
    across, along = offset.expand(-1, 32), depth.expand(count, -1)
    x = across * angle.cos() - along * angle.sin()
    return torch.stack([x, across * angle.sin() + along * angle.cos()], dim=2)


def light(density):
    """What gets through: 1 where the ray meets nothing."""
    return torch.exp(-density.squeeze(2).sum(dim=1) * 2 / 32)


def loss_fn(outputs, targets):
    """Compare the light along each ray."""
    return nn.functional.mse_loss(light(outputs), targets)


x_train = points(2000)
y_train = light(4.0 * (x_train.norm(dim=2, keepdim=True) < 0.4))
body = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
model = nn.Sequential(*body, nn.Linear(64, 1), nn.Softplus())
nn.init.constant_(model[4].bias, -1.0)  # the space is empty at first
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)

for step in range(200):
    batch = torch.randint(len(x_train), (64,))
    inputs, targets = x_train[batch], y_train[batch]
    outputs = model(inputs)
    loss = loss_fn(outputs, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        explained = 1 - (loss / targets.var()).item()
        print(f"step {step:3d}  loss {loss.item():.4f}  explained {explained:.3f}")
