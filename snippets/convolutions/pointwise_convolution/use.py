"""A 1 x 1 convolution that reduces the channels before an expensive one: GoogLeNet's, with batch normalization.

Source: Szegedy et al., "Going Deeper with Convolutions", 2014, section 4
"""

import torch
from torch import nn


def reduced_conv(in_channels: int, reduced: int, out_channels: int, kernel_size: int = 3) -> nn.Sequential:
    """1 x 1 to few channels, then a k x k convolution on them, each with batch normalization and ReLU.

    Args:
        in_channels: channels of the input.
        reduced: channels between the two convolutions, fewer than ``in_channels``.
        out_channels: channels of the output.
        kernel_size: odd; the map keeps its size.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, reduced, 1, bias=False),  # no padding: it would add a border
        nn.BatchNorm2d(reduced),
        nn.ReLU(),
        nn.Conv2d(reduced, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 192, 28, 28)  # (batch, channels, height, width)
    branch, direct = reduced_conv(192, 16, 32, kernel_size=5), nn.Conv2d(192, 32, 5, padding=2, bias=False)
    weights = sum(layer.weight.numel() for layer in branch if isinstance(layer, nn.Conv2d))
    print(f"{tuple(x.shape)} -> {tuple(branch(x).shape)}")
    print(f"weights: {weights:,}; of the 5 x 5 convolution alone: {direct.weight.numel():,}")
