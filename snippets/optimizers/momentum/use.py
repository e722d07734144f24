"""SGD with heavy-ball momentum, as torch.optim.SGD has it.

Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
"""

import torch
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT, lr: float = 0.01, momentum: float = 0.9, weight_decay: float = 0.0
) -> torch.optim.Optimizer:
    """SGD with momentum.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate.
        momentum: under a steady gradient the steps grow to lr / (1 - momentum) times the gradient: at 0.9 tenfold.
        weight_decay: times a weight, is added to its gradient.

    Raises:
        ValueError: when lr, momentum or weight_decay is negative.
    """
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)


def steps_until(optimizer: torch.optim.Optimizer, theta: torch.Tensor, curvature: torch.Tensor) -> int:
    """Steps until a quadratic's minimum at zero is nearer than 1e-3."""
    for step in range(10_000):
        if theta.detach().norm() < 1e-3:
            return step
        optimizer.zero_grad()
        (0.5 * curvature * theta.square()).sum().backward()
        optimizer.step()
    return 10_000


if __name__ == "__main__":
    curvature = torch.tensor([1.0, 100.0])  # a valley, 100 times as steep across as along
    plain, heavy = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    print(f"without momentum: {steps_until(torch.optim.SGD([plain], lr=0.01), plain, curvature)} steps")
    print(f"with momentum:    {steps_until(make_optimizer([heavy]), heavy, curvature)} steps")
