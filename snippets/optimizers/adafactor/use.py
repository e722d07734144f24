"""Adafactor: Adam's second moment kept as one row and one column of numbers for each matrix.

Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018, algorithm 4.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-2,
    d: float = 1.0,
) -> torch.optim.Optimizer:
    """Adafactor with torch's defaults: the paper's settings, except for the smallest second moment.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: upper bound of the relative step; a step's RMS is at most ``lr`` times the tensor's own (or 0.001).
        d: limit of the update's root mean square.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return torch.optim.Adafactor(parameters, lr=lr, d=d)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 200), nn.Tanh(), nn.Linear(200, 1))
    optimizer = make_optimizer(model.parameters(), lr=5e-2)
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
    weight = next(model.parameters())  # (200, 8)
    state = optimizer.state[weight]
    print(f"{weight.numel()} weights, {state['row_var'].numel()} + {state['col_var'].numel()} numbers of state")
