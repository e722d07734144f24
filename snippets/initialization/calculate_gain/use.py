"""Gain per nonlinearity: ``torch.nn.init.calculate_gain``, and an initializer that uses it.

Source: torch.nn.init.calculate_gain; the gain of ReLU is He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import math

import torch
from torch import Tensor, nn


def gain_normal_(
    tensor: Tensor, nonlinearity: str = "relu", param: float | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a weight in place from N(0, (gain / sqrt(fan_in))^2).

    Args:
        tensor: weight of shape (out, in, *kernel), at least two dimensions; fan_in = in * prod(kernel).
        nonlinearity: the activation between the layers, by its ``torch.nn.functional`` name: linear, sigmoid, tanh,
            relu, leaky_relu or selu.
        param: negative slope of leaky_relu; None for torch's 0.01.
        generator: source of randomness; None for torch's global one.

    Returns:
        ``tensor``.

    Raises:
        ValueError: for a nonlinearity that torch has no gain for, such as gelu.
    """
    return nn.init.normal_(tensor, std=gain_normal_std(tuple(tensor.shape), nonlinearity, param), generator=generator)


def gain_normal_std(shape: tuple[int, ...], nonlinearity: str = "relu", param: float | None = None) -> float:
    """Standard deviation gain / sqrt(fan_in) for a weight of ``shape``."""
    gain = nn.init.calculate_gain(nonlinearity, param)  # type: ignore[arg-type]
    return gain / math.sqrt(math.prod(shape[1:]))


if __name__ == "__main__":
    torch.manual_seed(0)
    gains = {name: nn.init.calculate_gain(name) for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")}
    print("  ".join(f"{name} {gain:.4f}" for name, gain in gains.items()))
    x = torch.randn(1000, 400)  # (batch, features)
    y = torch.relu(x @ gain_normal_(torch.empty(400, 400), "relu").T)
    print(f"second moment before {x.square().mean():.2f}, after one ReLU layer {y.square().mean():.1f}")
