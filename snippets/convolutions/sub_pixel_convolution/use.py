"""Convolution and PixelShuffle: a layer that enlarges a map, and begins as nearest-neighbour upsampling.

Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network", 2016, section 3.2; Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017
"""

import torch
from torch import nn


def sub_pixel(in_channels: int, out_channels: int, factor: int = 2) -> nn.Sequential:
    """A convolution at low resolution whose channels become pixels.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        factor: by which height and width grow.
    """
    conv = nn.Conv2d(in_channels, out_channels * factor**2, 3, padding=1)
    with torch.no_grad():  # ICNR: the pixels of a cell start with one kernel, so that no checkerboard is drawn
        small = conv.weight[:: factor**2].clone()
        conv.weight.copy_(small.repeat_interleave(factor**2, dim=0))
        if conv.bias is not None:
            conv.bias.zero_()
    return nn.Sequential(conv, nn.PixelShuffle(factor))


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = sub_pixel(16, 3, factor=2), torch.rand(2, 16, 12, 20)  # (batch, channels, height, width)
    y = layer(x)
    print(f"{tuple(x.shape)} -> {tuple(y.shape)}")
    print(f"each cell of 2 × 2 pixels begins flat: {torch.equal(y[..., ::2, ::2], y[..., 1::2, 1::2])}")
    back = nn.PixelUnshuffle(2)(y)
    print(f"PixelUnshuffle undoes the shuffle, bit for bit: {torch.equal(back, layer[0](x))}")
