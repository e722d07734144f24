"""A grouped convolution in two ways: group by group, and as one dense convolution whose kernel is mostly zero.

Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.2
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def group_by_group(
    x: Tensor, weight: Tensor, groups: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> Tensor:
    """Cut channels and outputs into groups, convolve each by itself, and put the outputs side by side.

    Args:
        x: (batch, channels, height, width).
        weight: (outputs, channels / groups, kernel height, kernel width).
        groups: number of groups.
        stride: pixels from one output to the next.
        padding: zeros that are added at each side.
        dilation: pixels from one weight to the next.
    """
    parts = zip(x.chunk(groups, dim=1), weight.chunk(groups, dim=0), strict=True)
    return torch.cat([F.conv2d(part, own, None, stride, padding, dilation) for part, own in parts], dim=1)


def dense_kernel(weight: Tensor, groups: int) -> Tensor:
    """The kernel of a convolution without groups that computes the same: (outputs, channels, *kernel)."""
    outputs, channels = weight.shape[0] // groups, weight.shape[1]
    dense = weight.new_zeros(weight.shape[0], channels * groups, *weight.shape[2:])
    for g in range(groups):
        rows, columns = slice(g * outputs, (g + 1) * outputs), slice(g * channels, (g + 1) * channels)
        dense[rows, columns] = weight[rows]
    return dense


if __name__ == "__main__":
    torch.manual_seed(0)
    x, weight = torch.randn(2, 12, 9, 9), torch.randn(8, 3, 3, 3)  # 4 groups of 3 channels and 2 outputs
    reference = F.conv2d(x, weight, padding=1, groups=4)
    for name, y in {
        "group by group": group_by_group(x, weight, groups=4, padding=1),
        "dense kernel": F.conv2d(x, dense_kernel(weight, groups=4), padding=1),
    }.items():
        print(f"{name}: largest difference to torch below 1e-5: {(y - reference).abs().max().item() < 1e-5}")
