"""Find the decay u' = -u with u(0) = 1 up to t = 5 by a physics-informed network."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(
    nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
points = torch.linspace(0, 5, 64)[:, None]
boundary_inputs, boundary_targets = torch.zeros(1, 1), torch.ones(1, 1)
x_test = torch.linspace(0, 5, 101)[:, None]
y_test = torch.exp(-x_test)


def solution(t):
    """The network sees times from 0 to 1."""
    return model(t / 5)


for step in range(1, 251):
    inputs = (points / 5).requires_grad_()
    outputs = model(inputs)
    derivatives = torch.autograd.grad(outputs.sum(), inputs, create_graph=True)[0]
    residual_loss = (derivatives + outputs).square().mean()
    boundary_loss = (solution(boundary_inputs) - boundary_targets).square().mean()
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
