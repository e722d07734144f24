"""Find the oscillation u'' = -k^2 u with u(0) = 1 and u'(0) = 0 by a physics-informed network."""

import math

import torch
from torch import nn

torch.manual_seed(0)
k = 1.5 * math.pi
model = nn.Sequential(
    nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
points = torch.linspace(0, 1, 64)[:, None]
boundary_inputs, boundary_targets = torch.zeros(1, 1), torch.ones(1, 1)
x_test = torch.linspace(0, 1, 101)[:, None]
y_test = torch.cos(k * x_test)


def solution(t):
    """The network sees times from -1 to 1."""
    return model(2 * t - 1)


for step in range(1, 251):
    inputs = points.clone().requires_grad_()
    outputs = solution(inputs)
    derivatives = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)[0]
    curvature = torch.autograd.grad(derivatives.sum(), inputs, create_graph=True)[0]
    residual_loss = (curvature / k**2 + outputs).square().mean()
    missed = solution(boundary_inputs) - boundary_targets
    boundary_loss = missed.square().mean() + (derivatives[0] / k).square().mean()
    loss = residual_loss + boundary_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 0:
        with torch.no_grad():
            error = (solution(x_test) - y_test).norm() / y_test.norm()
        print(
            f"step {step:3d}  residual loss {residual_loss.item():.5f}  "
            f"boundary loss {boundary_loss.item():.5f}  error {error.item():.3f}"
        )
