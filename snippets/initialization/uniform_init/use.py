"""Uniform initialization around zero, given by its standard deviation.

Source: torch.nn.init.uniform_, whose default interval is [0, 1); the variance of U(a, b) is (b - a)^2 / 12.
"""

import math

import torch
from torch import Tensor, nn


def symmetric_uniform_(tensor: Tensor, std: float = 0.02, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor in place from U(-sqrt(3) std, sqrt(3) std), which has mean 0 and standard deviation ``std``.

    Args:
        tensor: any shape.
        std: standard deviation, positive.
        generator: source of randomness; None for torch's global one.

    Returns:
        ``tensor``.

    Raises:
        ValueError: for a ``std`` that is not positive.
    """
    if std <= 0:
        raise ValueError(f"std must be positive, got {std}")
    bound = math.sqrt(3) * std
    return nn.init.uniform_(tensor, -bound, bound, generator=generator)


def symmetric_uniform_std(shape: tuple[int, ...], std: float = 0.02) -> float:
    """Standard deviation; what was asked for, whatever the ``shape``."""
    return std


if __name__ == "__main__":
    torch.manual_seed(0)
    weight = symmetric_uniform_(torch.empty(512, 512))
    print(f"mean {weight.mean():.3f}, std {weight.std():.3f}, largest {weight.abs().max():.4f} = sqrt(3) * 0.02")
    default = nn.init.uniform_(torch.empty(512, 512))
    print(f"torch's default interval: mean {default.mean():.2f}, std {default.std():.2f}, smallest >= 0")
    x = torch.relu(torch.randn(100, 512))  # (batch, features)
    print(f"after one layer: {(x @ default.T).mean():.0f} on average, instead of about 0")
