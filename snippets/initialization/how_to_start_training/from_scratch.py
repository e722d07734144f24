"""The two moments of the activation length, measured over thousands of random networks at once.

Source: Hanin and Rolnick, "How to Start Training: The Effect of Initialization and Architecture", 2018.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn


def random_lengths(widths: list[int], networks: int, variance_factor: float = 2.0) -> Tensor:
    """Mean squared activation of the last layer for one input of ones: shape (networks,)."""
    x = torch.ones(networks, 1, widths[0], dtype=torch.float64)
    for fan_in, fan_out in pairwise(widths):
        w = torch.randn(networks, fan_in, fan_out, dtype=torch.float64) * (variance_factor / fan_in) ** 0.5
        x = (x @ w).clamp(min=0)  # (networks, 1, fan_out)
    return x.square().mean((1, 2))


if __name__ == "__main__":
    torch.manual_seed(0)
    widths = [16, 16, 24, 32]
    m = random_lengths(widths, networks=40_000)
    product = (1 + 5 / 16) * (1 + 5 / 24) * (1 + 5 / 32)
    print(f"mean length within 2 % of 1: {bool((m.mean() - 1).abs() < 0.02)}")
    print(
        f"second moment within 5 % of the product {product:.2f}: {bool((m.square().mean() / product - 1).abs() < 0.05)}"
    )
    layer = nn.Linear(16, 24)
    nn.init.kaiming_normal_(layer.weight, generator=torch.Generator().manual_seed(1))
    scratch = torch.randn(24, 16, generator=torch.Generator().manual_seed(1)) * (2 / 16) ** 0.5
    print(f"equal to kaiming_normal_ within 1e-6: {bool((layer.weight - scratch).abs().max() < 1e-6)}")
