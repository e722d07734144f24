"""A depthwise separable block: one filter for each channel, then a 1 x 1 convolution that mixes the channels.

Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
section 3.1 and figure 3
"""

import torch
from torch import nn


def separable_conv(
    in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1, dilation: int = 1
) -> nn.Sequential:
    """Depthwise convolution, pointwise convolution, each with batch normalization and ReLU.

    Args:
        in_channels: channels of the input, and groups of the first convolution.
        out_channels: channels of the output, any number.
        kernel_size: odd; the map keeps its size at stride 1.
        stride: of the depthwise convolution, so that the pointwise one works on the small map.
        dilation: distance between the kernel's positions.
    """
    padding = dilation * (kernel_size - 1) // 2
    block = nn.Sequential(
        nn.Conv2d(in_channels, in_channels, kernel_size, stride, padding, dilation, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.ReLU(),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(),
    )
    for layer in block:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in")  # fan_out would not know of the groups
    return block


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 128, 16, 16)  # (batch, channels, height, width)
    block, dense = separable_conv(128, 256, stride=2), nn.Conv2d(128, 256, 3, 2, 1, bias=False)
    weights = sum(layer.weight.numel() for layer in block if isinstance(layer, nn.Conv2d))
    print(f"{tuple(x.shape)} -> {tuple(block(x).shape)}")
    print(f"weights of the two convolutions: {weights:,}; of a dense 3 x 3 convolution: {dense.weight.numel():,}")
    print(f"one is {weights / dense.weight.numel():.3f} of the other; 1/256 + 1/9 = {1 / 256 + 1 / 9:.3f}")
