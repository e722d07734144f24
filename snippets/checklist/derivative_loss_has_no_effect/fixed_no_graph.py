"""Learn an energy with two wells from many forces and eight of its values."""

import torch
from torch import nn

torch.manual_seed(0)


def energy(points):
    """The energy is lowest at (-1, 0) and (1, 0)."""
    x, y = points.unbind(dim=1)
    return (x**2 - 1) ** 2 + y**2


x_train = torch.rand(256, 2) * 4 - 2
x, y = x_train.unbind(dim=1)
forces = -torch.stack([4 * x * (x**2 - 1), 2 * y], dim=1)
x_test = torch.rand(200, 2) * 4 - 2
y_test = energy(x_test)
model = nn.Sequential(
    nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

for step in range(1, 201):
    inputs = x_train.clone().requires_grad_()
    outputs = model(inputs)[:, 0]
    derivatives = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)[0]
    force_loss = (-derivatives - forces).square().mean()
    energy_loss = (outputs[:8] - energy(x_train[:8])).square().mean()
    loss = force_loss + energy_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            error = (model(x_test)[:, 0] - y_test).norm() / y_test.norm()
        print(
            f"step {step:3d}  force loss {force_loss.item():.3f}  "
            f"energy loss {energy_loss.item():.4f}  error {error.item():.3f}"
        )
