"""A 3×3 convolution as networks have it, and what a stack of layers makes of the size of its input.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, sections 2 and 3
"""

from collections.abc import Iterable
from typing import Literal

import torch
from torch import nn

Padding = Literal["zeros", "reflect", "replicate", "circular"]


def conv3x3(in_channels: int, out_channels: int, stride: int = 1, padding_mode: Padding = "zeros") -> nn.Conv2d:
    """Keeps height and width at stride 1, and halves them (rounded up) at stride 2.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: pixels from one output to the next.
        padding_mode: what stands beside the image: "zeros", "reflect", "replicate" or "circular".
    """
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, padding_mode=padding_mode, bias=False)


def output_size(size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Height or width after a convolution or a pooling layer with these settings; 0 or less where it does not fit."""
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def receptive_field(layers: Iterable[nn.Module]) -> tuple[int, int]:
    """Pixels of the input that one output spans, and pixels from one output to the next, for layers in a row.

    Args:
        layers: convolutions, max and mean poolings, all with square kernels, and layers that work pixel by pixel;
            also in nested nn.Sequential, but not in blocks with a skip connection.
    """
    convolutions = nn.Conv1d | nn.Conv2d | nn.Conv3d
    poolings = nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d | nn.AvgPool1d | nn.AvgPool2d | nn.AvgPool3d
    field = jump = 1
    for layer in (inner for outer in layers for inner in outer.modules()):
        if isinstance(layer, convolutions | poolings):
            settings = (getattr(layer, name, 1) for name in ("kernel_size", "stride", "dilation"))
            kernel, stride, dilation = (s[0] if isinstance(s, tuple) else s for s in settings)
            field += dilation * (kernel - 1) * jump
            jump *= stride
    return field, jump


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(conv3x3(3, 16, stride=2), nn.ReLU(), conv3x3(16, 32, stride=2), nn.ReLU(), conv3x3(32, 32))
    x = torch.rand(8, 3, 33, 33)  # (batch, channels, height, width)
    size = 33
    for stride in (2, 2, 1):
        size = output_size(size, 3, stride, padding=1)
    field, jump = receptive_field(model)
    print(f"output {tuple(model(x).shape)}, by the formula {size} × {size}")
    print(f"an output sees {field} × {field} pixels, its neighbour the same {jump} pixels further")
