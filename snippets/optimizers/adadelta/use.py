"""AdaDelta with torch.optim.Adadelta.

Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1.
"""

import torch
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 1.0) -> torch.optim.Optimizer:
    """AdaDelta with torch's settings.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: factor of the step; 1 is the paper's method, which has no learning rate.

    Raises:
        ValueError: when lr is negative.
    """
    return torch.optim.Adadelta(parameters, lr=lr, rho=0.9, eps=1e-6)


if __name__ == "__main__":
    theta = torch.ones(2, requires_grad=True)
    optimizer = make_optimizer([theta])
    scales = torch.tensor([1.0, 1000.0])
    for step in range(1, 1001):
        optimizer.zero_grad()
        (scales * theta.square()).sum().backward()
        optimizer.step()
        if step in (1, 10, 100, 1000):
            print(f"after {step:4} steps: {theta[0]:.3f} {theta[1]:.3f}")
