"""LeCun initialization of a self-normalizing network: weight variance 1 / fan_in under SELU.

Source: LeCun et al., "Efficient BackProp", 1998; Klambauer et al., "Self-Normalizing Neural Networks", 2017.
"""

import math

import torch
from torch import Tensor, nn


def lecun_normal_std(shape: tuple[int, ...]) -> float:
    """Standard deviation 1 / sqrt(fan_in) of a weight (out, in, *kernel)."""
    return 1 / math.sqrt(math.prod(shape[1:]))


def lecun_normal_(tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place from N(0, 1 / fan_in); torch has it as Kaiming's with the gain of a linear layer.

    Args:
        tensor: weight, (out, in, *kernel).
        generator: source of randomness; torch's default one if None.

    Raises:
        ValueError: for fewer than two dimensions.
    """
    return nn.init.kaiming_normal_(tensor, nonlinearity="linear", generator=generator)


def self_normalizing_network(width: int, depth: int, dropout: float = 0.1) -> nn.Sequential:
    """``depth`` times Linear, SELU, AlphaDropout.

    Shape:
        (batch, width) -> (batch, width)
    """
    layers: list[nn.Module] = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        lecun_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.SELU(), nn.AlphaDropout(dropout)]  # plain dropout would change the variance
    return nn.Sequential(*layers)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = self_normalizing_network(width=512, depth=32)
    y = model(torch.randn(256, 512))  # (batch, features)
    print(f"after 32 layers: mean {abs(y.mean()):.1f}, standard deviation {y.std():.1f}")
