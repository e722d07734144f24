"""Kumar's rule: the weight variance for any activation that is differentiable at 0, from its value and slope there.

Source: Kumar, "On weight initialization in deep neural networks", 2017.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def kumar_init_std(shape: tuple[int, ...], activation: Callable[[Tensor], Tensor] = torch.sigmoid) -> float:
    """Standard deviation 1 / (|g'(0)| sqrt(fan_in (1 + g(0)^2))) for the activation g.

    Args:
        shape: of the weight, (out, in, *kernel).
        activation: maps tensors element by element; must have a derivative at 0 that is not 0. ReLU has none.

    Raises:
        ValueError: if the slope at 0 is 0.
    """
    with torch.enable_grad():
        zero = torch.zeros((), dtype=torch.float64, device="cpu", requires_grad=True)
        value = activation(zero)
        (slope,) = torch.autograd.grad(value, zero)
    if slope == 0:
        raise ValueError("the activation is flat at 0")
    return 1 / (abs(slope.item()) * math.sqrt(math.prod(shape[1:]) * (1 + value.item() ** 2)))


@torch.no_grad()
def kumar_init_(
    tensor: Tensor,
    activation: Callable[[Tensor], Tensor] = torch.sigmoid,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill a weight in place from a normal distribution with Kumar's variance; arguments as in ``kumar_init_std``."""
    return nn.init.normal_(tensor, std=kumar_init_std(tuple(tensor.shape), activation), generator=generator)


if __name__ == "__main__":
    torch.manual_seed(0)
    activations: dict[str, Callable[[Tensor], Tensor]] = {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "softplus": nn.functional.softplus,
    }
    for name, activation in activations.items():
        print(f"{name}: standard deviation {kumar_init_std((1, 1), activation):.2f} / sqrt(fan_in)")
    layer = nn.Linear(400, 300)
    kumar_init_(layer.weight, torch.sigmoid)
    nn.init.zeros_(layer.bias)
    print(f"measured on a layer of 400 inputs: {layer.weight.std() * 20:.1f} / sqrt(fan_in)")
