"""A block that ends with a pooling layer, and the size that pooling leaves.

Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998, section II
"""

from typing import Literal

import torch
from torch import nn


def pooled_block(in_channels: int, out_channels: int, pool: Literal["max", "average", "l2"] = "max") -> nn.Sequential:
    """A 3×3 convolution, batch normalization and ReLU; then pooling, which halves height and width (rounded down).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        pool: what is kept of each 2×2 window: its maximum, its mean, or the root of the sum of its squares.
    """
    pools = {"max": nn.MaxPool2d(2), "average": nn.AvgPool2d(2), "l2": nn.LPPool2d(2, 2)}
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU(), pools[pool])


def output_size(
    size: int, kernel_size: int, stride: int | None = None, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Height or width after a pooling layer of torch; its stride is the kernel's size where none is given.

    Args:
        size: height or width of the input.
        kernel_size: of the window.
        stride: pixels from one window to the next.
        padding: pixels that are added at each side.
        dilation: pixels from one place of the window to the next; torch has it for max pooling only.
        ceil_mode: also make a window that sticks out at the right, if it begins inside the image or its left padding.
    """
    stride = stride or kernel_size
    room = size + 2 * padding - dilation * (kernel_size - 1) - 1
    out = (-(-room // stride) if ceil_mode else room // stride) + 1
    return out - 1 if ceil_mode and (out - 1) * stride >= size + padding else out


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(
        pooled_block(3, 16), pooled_block(16, 32), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10)
    )
    x = torch.rand(8, 3, 32, 32)  # (batch, channels, height, width)
    print(f"logits {tuple(model(x).shape)}")
    print(f"32 pixels become {tuple(model[:2](x).shape[2:])}, by the formula {output_size(output_size(32, 2), 2)}")
    print(f"7 pixels become {output_size(7, 2)}, with ceil_mode {output_size(7, 2, ceil_mode=True)}")
