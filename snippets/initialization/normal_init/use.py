"""Normal (Gaussian) initialization with a standard deviation that one states.

Source: torch.nn.init.normal_, whose default standard deviation is 1.
"""

import math

import torch
from torch import Tensor, nn


def gaussian_(tensor: Tensor, std: float = 0.02, generator: torch.Generator | None = None) -> Tensor:
    """Fill a tensor in place from N(0, std^2).

    Args:
        tensor: any shape.
        std: standard deviation, not the variance; 0.02 is usual for embeddings and transformers about a thousand
            wide, sqrt(2 / fan_in) suits ReLU layers.
        generator: source of randomness; None for torch's global one.

    Returns:
        ``tensor``.

    Raises:
        ValueError: for a ``std`` that is not positive.
    """
    if std <= 0:
        raise ValueError(f"std must be positive, got {std}")
    return nn.init.normal_(tensor, std=std, generator=generator)


def gaussian_std(shape: tuple[int, ...], std: float = 0.02) -> float:
    """Standard deviation; what was asked for, whatever the ``shape``."""
    return std


if __name__ == "__main__":
    torch.manual_seed(0)
    embedding = nn.Embedding(1000, 256)
    print(f"nn.Embedding's default std {embedding.weight.std():.2f}")
    gaussian_(embedding.weight)
    print(
        f"now {embedding.weight.std():.3f}, largest of 256,000 below 6 std: {bool(embedding.weight.abs().max() < 0.12)}"
    )
    layer = nn.Linear(256, 256)
    gaussian_(layer.weight, std=math.sqrt(2 / 256))
    print(f"linear layer before a ReLU: std {layer.weight.std():.3f}")
