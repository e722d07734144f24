"""Local response normalization as in AlexNet, with torch.nn.LocalResponseNorm and the paper's constants.

Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, 3.3
"""

import torch
from torch import nn


def alexnet_norm(size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> nn.LocalResponseNorm:
    """The layer with the arguments of the paper, whose alpha is not divided by the size.

    Args:
        size: neighbouring channels in the sum.
        alpha: the paper's alpha; torch's is this times the size.
        beta: power of the divisor.
        k: what is added to the sum.
    """
    return nn.LocalResponseNorm(size, alpha=size * alpha, beta=beta, k=k)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = alexnet_norm()
    print(layer)
    x = 20 * torch.rand(1, 8, 2, 2)
    print(f"outputs divided by inputs: {(layer(x) / x).min().item():.2f} to {(layer(x) / x).max().item():.2f}")
