"""Rprop with torch.optim.Rprop, on the whole data set at each step.

Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 0.01) -> torch.optim.Optimizer:
    """Rprop with the paper's factors 0.5 and 1.2; for full batches only.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: size of the first step only; the method sets every later one.

    Raises:
        ValueError: when lr is negative.
    """
    return torch.optim.Rprop(parameters, lr=lr, etas=(0.5, 1.2), step_sizes=(1e-6, 50))


if __name__ == "__main__":
    x = torch.linspace(-1, 1, 200).unsqueeze(1)  # (points, 1)
    y = torch.sin(5 * x)
    for lr in [1e-4, 1e-2]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = make_optimizer(model.parameters(), lr=lr)
        for _ in range(500):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)  # all points: no noise in the signs
            loss.backward()
            optimizer.step()
        print(f"first step {lr:g}: loss below 0.01 after 500 steps: {loss.item() < 0.01}")
