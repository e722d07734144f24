"""Deformable convolution (v2) with grid_sample, and a way to put it in place of a trained convolution.

Source: Dai et al., "Deformable Convolutional Networks", 2017, section 2.1; Zhu et al., "Deformable ConvNets v2: More
Deformable, Better Results", 2018, section 3.2
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def deform_conv2d(
    x: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    mask: Tensor | None,
    stride: int,
    padding: int,
    dilation: int,
) -> Tensor:
    """A convolution each of whose weights reads where the offset of its output says, between pixels if need be.

    Args:
        x: (batch, channels, height, width).
        offset: in pixels, (batch, 2 * kernel², out height, out width), down and right for each weight in turn.
        weight: (outputs, channels, kernel, kernel).
        bias: (outputs,), or none.
        mask: factors of what is read, (batch, kernel², out height, out width), or none (v1).
        stride: pixels from one output to the next.
        padding: zeros beside the image.
        dilation: pixels from one weight to the next where the offset is 0.
    """
    kernel, (height, width), (rows, columns) = weight.shape[-1], x.shape[2:], offset.shape[2:]
    exact = torch.promote_types(x.dtype, torch.float32)  # bfloat16 has no room for the fraction of a pixel
    tap, row, column = (torch.arange(n, device=x.device, dtype=exact) for n in (kernel, rows, columns))
    down, right = offset.to(exact).unflatten(1, (-1, 2)).unbind(2)  # (batch, kernel², out height, out width) each
    down = down + (row * stride - padding)[:, None] + (tap * dilation).repeat_interleave(kernel)[:, None, None]
    right = right + (column * stride - padding) + (tap * dilation).repeat(kernel)[:, None, None]
    grid = torch.stack([(2 * right + 1) / width - 1, (2 * down + 1) / height - 1], -1).flatten(1, 2)
    read = F.grid_sample(x.to(exact), grid, align_corners=False).unflatten(2, (-1, rows)).to(x.dtype)
    if mask is not None:
        read = read * mask[:, None]  # (batch, channels, kernel², out height, out width)
    y = torch.einsum("bckij,ock->boij", read, weight.flatten(2))
    return y if bias is None else y + bias[:, None, None]


class DeformConv2d(nn.Module):
    """A convolution that learns where to read; it begins as the convolution that it is given.

    Args:
        conv: with a square kernel and without groups; its weights and settings are taken over.

    Raises:
        ValueError: for a convolution with groups, padding given as a word, or settings that differ in height and width.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        settings: Any = (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
        if conv.groups > 1 or any(isinstance(s, str) or len(set(s)) > 1 for s in settings):
            raise ValueError("needs a convolution without groups whose settings are numbers, alike in both directions")
        self.conv, self.taps = conv, conv.kernel_size[0] ** 2
        self.where = nn.Conv2d(conv.in_channels, 3 * self.taps, *settings)
        for parameter in self.where.parameters():
            nn.init.zeros_(parameter)  # offsets begin at 0

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, outputs, out height, out width) out."""
        offset, mask = self.where(x).split([2 * self.taps, self.taps], 1)
        conv: Any = self.conv
        numbers = conv.stride[0], conv.padding[0], conv.dilation[0]
        return deform_conv2d(x, offset, conv.weight, conv.bias, 2 * mask.sigmoid(), *numbers)


if __name__ == "__main__":
    torch.manual_seed(0)
    conv, x = nn.Conv2d(16, 32, 3, stride=2, padding=1), torch.randn(2, 16, 20, 24)
    layer = DeformConv2d(conv)
    print(f"{tuple(x.shape)} -> {tuple(layer(x).shape)}")
    print(f"at the start, difference from the convolution: {(layer(x) - conv(x)).abs().max():.0e}")
    layer(x).square().mean().backward()
    gradient = layer.where.weight.grad
    print(f"a gradient reaches the offsets: {gradient is not None and bool(gradient.abs().max() > 0)}")
