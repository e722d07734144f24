"""PyTorch's default initialization without the name Kaiming: a uniform draw within 1/sqrt(fan_in), for weight and bias.

Source: torch.nn.Linear.reset_parameters; the same bound stood in LuaTorch's nn.Linear.
"""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def default_weight_(weight: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight (out, in, *kernel) in place from U(-1/sqrt(fan_in), 1/sqrt(fan_in))."""
    bound = 1 / math.sqrt(math.prod(weight.shape[1:]))
    return weight.uniform_(-bound, bound, generator=generator)


def default_weight_std(shape: tuple[int, ...]) -> float:
    """Standard deviation of U(-b, b) is b/sqrt(3)."""
    return 1 / math.sqrt(math.prod(shape[1:])) / math.sqrt(3)


@torch.no_grad()
def reset_parameters(layer: nn.Linear | nn.Conv2d) -> None:
    """What the layer's constructor does: weight first, then the bias from the same interval."""
    default_weight_(layer.weight)
    if layer.bias is not None:
        bound = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
        layer.bias.uniform_(-bound, bound)


if __name__ == "__main__":
    difference = 0.0
    layers: tuple[nn.Linear | nn.Conv2d, ...] = (nn.Linear(100, 50), nn.Conv2d(8, 16, 3))
    for layer in layers:
        torch.manual_seed(0)
        layer.reset_parameters()
        before = [parameter.detach().clone() for parameter in layer.parameters()]
        torch.manual_seed(0)
        reset_parameters(layer)
        for parameter, reference in zip(layer.parameters(), before, strict=True):
            difference = max(difference, (parameter - reference).abs().max().item())
    print(f"largest difference from torch, weights and biases of both layers: {difference:.0e}")
