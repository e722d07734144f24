"""Min-max scaling: bounds in one pass over batches, scaling to any range, and back.

Source: scikit-learn, documentation of MinMaxScaler
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def bounds(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Smallest and largest value of each feature over all batches (batch, features).

    Raises:
        ValueError: when there is no batch.
    """
    ranges = [batch.aminmax(dim=0) for batch in batches]
    if not ranges:
        raise ValueError("no batch: there is nothing to measure")
    return torch.stack([r.min for r in ranges]).amin(dim=0), torch.stack([r.max for r in ranges]).amax(dim=0)


def scale(x: Tensor, low: Tensor, high: Tensor, to: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """Map low to to[0] and high to to[1] in a straight line; a feature with low = high becomes to[0]."""
    width = torch.where(high > low, high - low, 1.0)
    return to[0] + (x - low) / width * (to[1] - to[0])


def unscale(z: Tensor, low: Tensor, high: Tensor, to: tuple[float, float] = (0.0, 1.0)) -> Tensor:
    """The inverse of ``scale``."""
    return low + (z - to[0]) / (to[1] - to[0]) * (high - low)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 50 * torch.randn(1000, 5, dtype=torch.float64) + 7
    low, high = bounds(x.split(96))
    expected = x.aminmax(dim=0)
    print(f"bounds equal torch.aminmax: {torch.equal(low, expected.min) and torch.equal(high, expected.max)}")
    z = scale(x, low, high, to=(-1.0, 1.0))
    print(f"range {z.min().item():.0f} to {z.max().item():.0f}", end=", ")
    print(f"largest difference after the way back: {(unscale(z, low, high, (-1.0, 1.0)) - x).abs().max().item():.0e}")
