"""Deformable convolution by its formula: four neighbours of each place, weighted by how near they are.

Source: Dai et al., "Deformable Convolutional Networks", 2017, equations 2 to 4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def between_pixels(x: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Values at places between pixels, 0 beside the image: (batch, channels, n).

    Args:
        x: (batch, channels, height, width).
        down: rows, (batch, n).
        right: columns, (batch, n).
    """
    height, width = x.shape[2:]
    below, beside = down - down.floor(), right - right.floor()
    total = x.new_zeros(*x.shape[:2], down.shape[1])
    for i in (0, 1):
        for j in (0, 1):
            row, column = down.floor() + i, right.floor() + j
            near = (below if i else 1 - below) * (beside if j else 1 - beside)
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            place = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).long()
            total = total + x.flatten(2).gather(2, place[:, None].expand(-1, x.shape[1], -1)) * (near * inside)[:, None]
    return total


def deform_conv2d(x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor | None = None, padding: int = 0) -> Tensor:
    """Stride 1: (batch, channels, height, width) in, (batch, outputs, out height, out width) out.

    Args:
        x: the maps.
        offset: in pixels, (batch, 2 * kernel², out height, out width), down and right for each weight in turn.
        weight: (outputs, channels, kernel, kernel).
        mask: factors of what is read, (batch, kernel², out height, out width), or none (v1).
        padding: zeros beside the image.
    """
    kernel, (rows, columns) = weight.shape[-1], offset.shape[2:]
    y = x.new_zeros(len(x), weight.shape[0], rows * columns)
    for tap in range(kernel**2):
        down = torch.arange(rows)[:, None] - padding + tap // kernel + offset[:, 2 * tap]  # (batch, rows, columns)
        right = torch.arange(columns) - padding + tap % kernel + offset[:, 2 * tap + 1]
        read = between_pixels(x, down.flatten(1), right.flatten(1))  # (batch, channels, rows * columns)
        factor = 1 if mask is None else mask[:, tap].flatten(1)[:, None]
        y = y + torch.einsum("bcn,oc->bon", read * factor, weight[:, :, tap // kernel, tap % kernel])
    return y.unflatten(2, (rows, columns))


if __name__ == "__main__":
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 7, 9), torch.randn(4, 3, 3, 3)
    still, turned = torch.zeros(2, 18, 7, 9), torch.zeros(2, 18, 7, 9)
    difference = (deform_conv2d(x, still, weight, padding=1) - F.conv2d(x, weight, padding=1)).abs().max()
    print(f"offsets 0, difference from a convolution: {difference:.0e}")
    for tap in range(9):  # each weight moves as far again from the middle: dilation 2
        turned[:, 2 * tap], turned[:, 2 * tap + 1] = tap // 3 - 1, tap % 3 - 1
    dilated = F.conv2d(x, weight, padding=2, dilation=2)
    difference = (deform_conv2d(x, turned, weight, padding=1) - dilated).abs().max()
    print(f"offsets as the distance from the middle, difference from dilation 2: {difference:.0e}")
