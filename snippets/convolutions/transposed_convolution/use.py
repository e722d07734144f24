"""A layer that doubles height and width with learned weights, and that begins as bilinear upsampling.

Source: Long et al., "Fully Convolutional Networks for Semantic Segmentation", 2014, section 4.3
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def upsample2x(in_channels: int, out_channels: int) -> nn.ConvTranspose2d:
    """Doubles the map exactly; kernel 4 is a multiple of the stride, so each output is painted equally often."""
    return nn.ConvTranspose2d(in_channels, out_channels, kernel_size=4, stride=2, padding=1, bias=False)


@torch.no_grad()
def bilinear_(weight: Tensor) -> Tensor:
    """Fill the weight of a transposed convolution so that it enlarges each channel bilinearly, with stride k / 2.

    Args:
        weight: (channels, channels, k, k) with an even k.

    Raises:
        ValueError: for other shapes.
    """
    inputs, outputs, k, other = weight.shape
    if inputs != outputs or k != other or k % 2:
        raise ValueError(f"need (channels, channels, k, k) with an even k, got {tuple(weight.shape)}")
    places = torch.arange(k, dtype=weight.dtype, device=weight.device)
    line = 1 - (places - (k - 1) / 2).abs() / (k / 2)  # k = 4: 0.25, 0.75, 0.75, 0.25
    weight.zero_()
    for channel in range(inputs):
        weight[channel, channel] = line[:, None] * line
    return weight


def output_size(
    size: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, output_padding: int = 0
) -> int:
    """Height or width after a transposed convolution with these settings."""
    return (size - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = upsample2x(8, 8), torch.rand(2, 8, 7, 7)  # (batch, channels, height, width)
    print(f"{tuple(x.shape)} -> {tuple(layer(x).shape)}, by the formula {output_size(7, 4, 2, 1)}")
    bilinear_(layer.weight)
    with torch.no_grad():
        inside = (layer(x) - F.interpolate(x, scale_factor=2, mode="bilinear"))[..., 1:-1, 1:-1]
    print(f"begins as bilinear upsampling, but for the border: {inside.abs().max().item() < 1e-5}")
