"""Truncated normal initialization with the cut in standard deviations, as papers and other libraries mean it.

Source: torch.nn.init.trunc_normal_, whose bounds a and b are absolute values.
"""

import math

import torch
from torch import Tensor, nn


def truncated_normal_(
    tensor: Tensor, std: float = 0.02, cut: float = 2.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a tensor in place from N(0, std^2), redrawing whatever lies beyond ``cut`` standard deviations.

    Args:
        tensor: any shape.
        std: standard deviation before the cut; what remains has ``truncated_normal_std``, 12% less at cut=2.
        cut: bound in units of ``std``.
        generator: source of randomness; None for torch's global one.

    Returns:
        ``tensor``.

    Raises:
        ValueError: for a ``std`` or ``cut`` that is not positive.
    """
    if std <= 0 or cut <= 0:
        raise ValueError(f"std and cut must be positive, got {std} and {cut}")
    return nn.init.trunc_normal_(tensor, std=std, a=-cut * std, b=cut * std, generator=generator)


def truncated_normal_std(shape: tuple[int, ...], std: float = 0.02, cut: float = 2.0) -> float:
    """Standard deviation after the cut; the same for every ``shape``."""
    density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)  # of the unit normal, at the cut
    inside = math.erf(cut / math.sqrt(2))  # probability of lying within the cut
    return std * math.sqrt(1 - 2 * cut * density / inside)


if __name__ == "__main__":
    torch.manual_seed(0)
    weight = truncated_normal_(torch.empty(768, 768))
    print(f"largest weight {weight.abs().max():.4f}, bound 2 * 0.02")
    print(f"std {weight.std():.4f}, closed form {truncated_normal_std((768, 768)):.4f}")
    careless = nn.init.trunc_normal_(torch.empty(768, 768), std=0.02)  # a=-2, b=2 are 100 standard deviations away
    print(f"with torch's default bounds: std {careless.std():.4f}, beyond 0.08: {bool(careless.abs().max() > 0.08)}")
