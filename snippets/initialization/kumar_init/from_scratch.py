"""Kumar's rule for the sigmoid without autograd, and the recursion of mean and variance that it comes from.

Source: Kumar, "On weight initialization in deep neural networks", 2017.
"""

import math

import torch
from torch import Tensor


def sigmoid_normal_std(shape: tuple[int, ...]) -> float:
    """With g(0) = 1/2 and g'(0) = 1/4: 1 / (1/4 sqrt(5/4 fan_in)), about 3.58 / sqrt(fan_in)."""
    return 1 / (0.25 * math.sqrt(1.25 * math.prod(shape[1:])))


@torch.no_grad()
def sigmoid_normal_(tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight (out, in, *kernel) of a sigmoid layer in place from a normal distribution with mean 0."""
    return tensor.normal_(0, sigmoid_normal_std(tuple(tensor.shape)), generator=generator)


def linearized_variance(weight_variance: float, value: float, slope: float, layers: int, start: float = 1.0) -> float:
    """Variance of the outputs after some layers if g(y) were value + slope * y.

    Args:
        weight_variance: variance of the weights, times the fan-in.
        value: g(0), also the mean of every layer's output.
        slope: g'(0).
        layers: how many times the recursion runs.
        start: variance of the input.
    """
    variance = start
    for _ in range(layers):
        variance = slope**2 * weight_variance * (variance + value**2)
    return variance


if __name__ == "__main__":
    std = sigmoid_normal_std((1, 1))
    print(f"sigmoid: {std:.3f} / sqrt(fan_in)")
    print(f"linearized variance after 50 layers: {linearized_variance(std**2, 0.5, 0.25, 50):.3f}")
    print(f"the same with variance 1 / fan_in: {linearized_variance(1.0, 0.5, 0.25, 50):.3f}")
    torch.manual_seed(0)
    y = torch.sigmoid(torch.randn(2000, 400) @ sigmoid_normal_(torch.empty(300, 400)).T)
    print(f"a real sigmoid cannot reach 1: variance of the first layer's output {y.var():.2f}")
