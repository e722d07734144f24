"""A convolution with a large kernel, written as a wide and a tall one, and what that saves.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, section 3.2
"""

import torch
from torch import nn


def conv_norm(channels: int, out: int, kernel: tuple[int, int]) -> nn.Sequential:
    """Convolution that keeps the map's size, batch normalization, ReLU."""
    layer = nn.Conv2d(channels, out, kernel, padding=(kernel[0] // 2, kernel[1] // 2), bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU())


def factorized(channels: int, out: int, kernel: int = 7) -> nn.Sequential:
    """1 by ``kernel`` and ``kernel`` by 1: an output sees as many pixels as with ``kernel`` by ``kernel``.

    Args:
        channels: of the input and between the two.
        out: of the output.
        kernel: odd; the map should be larger, the paper has 7 on maps of 17 by 17.

    Raises:
        ValueError: when the kernel is even, since the map could not keep its size.
    """
    if kernel % 2 == 0:
        raise ValueError(f"kernel must be odd, got {kernel}")
    return nn.Sequential(conv_norm(channels, channels, (1, kernel)), conv_norm(channels, out, (kernel, 1)))


if __name__ == "__main__":
    torch.manual_seed(0)
    whole, parts = conv_norm(32, 32, (7, 7)), factorized(32, 32, 7)
    x = torch.rand(2, 32, 17, 17)  # (batch, channels, height, width)
    weights = [sum(p.numel() for p in model.parameters() if p.dim() == 4) for model in (whole, parts)]
    print(f"weights: {weights[0]:,} in one 7×7, {weights[1]:,} in 1×7 and 7×1")
    print(f"same shape: {whole(x).shape == parts(x).shape}")
