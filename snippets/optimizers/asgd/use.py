"""Averaged SGD with torch.optim.ASGD, and the averages put into the model.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
"""

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 0.1) -> torch.optim.Optimizer:
    """ASGD that averages from step 102 on, t0 + 2; torch's default t0 is a million.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate of the first step.

    Raises:
        ValueError: when lr is negative.
    """
    return torch.optim.ASGD(parameters, lr=lr, t0=100)


@torch.no_grad()
def swap_averages(optimizer: torch.optim.Optimizer) -> None:
    """Exchange each parameter and its average: once before evaluation, once after it."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            if "ax" in optimizer.state[p]:
                average: Tensor = optimizer.state[p]["ax"]
                current = p.clone()
                p.copy_(average)
                average.copy_(current)


if __name__ == "__main__":
    torch.manual_seed(0)
    theta = torch.ones(1000, requires_grad=True)  # the minimum is at 0, gradients have noise of 1
    optimizer = make_optimizer([theta])
    for _ in range(2000):
        theta.grad = theta.detach() + torch.randn(1000)
        optimizer.step()
    print(f"error of the last iterate: {theta.detach().square().mean().sqrt():.2f}")
    swap_averages(optimizer)
    print(f"error of the average:      {theta.detach().square().mean().sqrt():.2f}")
