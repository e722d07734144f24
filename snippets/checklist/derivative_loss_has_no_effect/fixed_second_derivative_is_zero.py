"""Find u with u'' = -pi^2 sin(pi x) and u = 0 at both ends by a physics-informed network."""

import math

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
inputs = torch.linspace(0, 1, 64)[:, None].requires_grad_()
ends = torch.tensor([[0.0], [1.0]])
x_test = torch.linspace(0, 1, 101)[:, None]
y_test = torch.sin(math.pi * x_test)

for step in range(1, 201):
    outputs = model(inputs)
    derivatives = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)[0]
    curvature = torch.autograd.grad(derivatives.sum(), inputs, create_graph=True)[0]
    residual_loss = (
        (curvature + math.pi**2 * torch.sin(math.pi * inputs)).square().mean()
    )
    boundary_loss = 100 * model(ends).square().mean()
    loss = residual_loss + boundary_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            error = (model(x_test) - y_test).norm() / y_test.norm()
        print(
            f"step {step:3d}  residual loss {residual_loss.item():.4f}  "
            f"boundary loss {boundary_loss.item():.4f}  error {error.item():.3f}"
        )
