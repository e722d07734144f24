"""Centered RMSProp with torch.optim.RMSprop(centered=True).

Source: Graves, "Generating Sequences With Recurrent Neural Networks", 2013.
"""

import torch
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-4,
    alpha: float = 0.95,
    eps: float = 1e-2,
    momentum: float = 0.9,
) -> torch.optim.Optimizer:
    """Centered RMSProp with the paper's settings; eps is the root of its 1e-4, which stands inside the root there.

    Args:
        parameters: tensors, or groups of them as dictionaries with "params" and settings of their own.
        lr: learning rate; a steady gradient takes far longer steps than a noisy one.
        alpha: decay rate of the two means.
        eps: is added to the root of the variance.
        momentum: of the divided gradients.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return torch.optim.RMSprop(parameters, lr=lr, alpha=alpha, eps=eps, momentum=momentum, centered=True)


if __name__ == "__main__":
    torch.manual_seed(0)
    for centered in [False, True]:
        theta = torch.zeros(2, requires_grad=True)  # one with a steady gradient, one with noise
        optimizer = torch.optim.RMSprop([theta], lr=1e-3, eps=1e-4, centered=centered)
        for _ in range(1000):
            theta.grad = torch.stack([1 + 0.2 * torch.randn(()), torch.randn(())])
            optimizer.step()
        print(f"centered={centered}: the steady one moved {-theta[0].item():.1f}")
