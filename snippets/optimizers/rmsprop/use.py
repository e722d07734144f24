"""RMSProp with torch.optim.RMSprop.

Source: Tieleman and Hinton, "Lecture 6.5 - rmsprop", 2012.
"""

import torch
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-3,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
) -> torch.optim.Optimizer:
    """RMSProp.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate; the first step is ten times as long. torch's default is 0.01.
        alpha: decay rate of the mean square; 0.99 averages over about a hundred steps.
        eps: is added to the root of the mean square.
        weight_decay: times a weight, is added to its gradient.
        momentum: of the divided gradients.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return torch.optim.RMSprop(parameters, lr=lr, alpha=alpha, eps=eps, weight_decay=weight_decay, momentum=momentum)


if __name__ == "__main__":
    torch.manual_seed(0)
    scales = torch.tensor([1e-3, 1.0, 1e3])  # gradients of three parameters differ by a factor of a million
    theta = torch.ones(3, requires_grad=True)
    optimizer = make_optimizer([theta], lr=0.01)
    for step in range(300):
        optimizer.zero_grad()
        (scales * theta.square()).sum().backward()
        optimizer.step()
        if step == 0:
            print("first steps:", [round(1 - value, 3) for value in theta.tolist()])
    print("all within 0.02 of the minimum:", bool((theta.detach().abs() < 0.02).all()))
