"""Adam with torch.optim.Adam.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, algorithm 1.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """Adam with the paper's settings.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate: how far a parameter moves in a step while its gradient stays the same.
        betas: decay rates of the two running means.
        eps: is added to the root of the mean square.
        weight_decay: an L2 penalty in the gradient; for decay beside the step use AdamW.

    Raises:
        ValueError: when lr, eps or weight_decay is negative, or a beta is not in [0, 1).
    """
    return torch.optim.Adam(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


def final_loss(loss_scale: float) -> float:
    """Train a small network on a sine, with the loss multiplied by a constant, and return the plain loss."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 256).unsqueeze(1)  # (points, 1)
    y = torch.sin(4 * x)
    model = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters(), lr=0.01)
    for _ in range(300):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        (loss_scale * loss).backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    for scale in [1.0, 1000.0]:
        print(f"loss multiplied by {scale:4.0f}: final loss below 0.01: {final_loss(scale) < 0.01}")
