"""Nesterov's accelerated gradient with torch.optim.SGD(nesterov=True).

Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, section 2.
"""

import torch
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 0.01,
    momentum: float = 0.9,
    weight_decay: float = 0.0,
    nesterov: bool = True,
) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate; at momentum 0.9 it must stay below about 1.36 over the largest curvature.
        momentum: decay rate of the sum of gradients.
        weight_decay: times a weight, is added to its gradient.
        nesterov: False for heavy-ball momentum.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov)


def largest_overshoot(optimizer: torch.optim.Optimizer, theta: torch.Tensor) -> float:
    """How far a parameter that starts at 1 runs past the minimum at 0."""
    lowest = 0.0
    for _ in range(200):
        optimizer.zero_grad()
        (0.5 * 100 * theta.square()).sum().backward()  # curvature 100
        optimizer.step()
        lowest = min(lowest, theta.item())
    return -lowest


if __name__ == "__main__":
    heavy, nesterov = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
    plain = torch.optim.SGD([heavy], lr=0.008, momentum=0.9)
    print(f"overshoot of the heavy ball: {largest_overshoot(plain, heavy):.2f}")
    print(f"overshoot of Nesterov:       {largest_overshoot(make_optimizer([nesterov], lr=0.008), nesterov):.2f}")
