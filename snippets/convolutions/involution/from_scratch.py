"""Involution as a sum over shifted maps: no unfolding, and no k² copies of the input.

Source: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition", 2021, equation 4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def involution2d(x: Tensor, kernels: Tensor, stride: int = 1) -> Tensor:
    """Each place of the output is a sum over its neighbourhood with its own weights.

    Args:
        x: (batch, channels, height, width).
        kernels: (batch, groups, k², rows and columns of the output), odd k; neighbouring channels form a group.
        stride: distance of the places in x.
    """
    groups, size = kernels.shape[1], round(kernels.shape[2] ** 0.5)
    padded = F.pad(x, [size // 2] * 4).unflatten(1, (groups, -1))  # (batch, groups, channels of a group, …)
    rows, columns = ((n - 1) // stride * stride + 1 for n in x.shape[2:])
    y = x.new_zeros(())
    for place in range(size**2):
        i, j = divmod(place, size)
        shifted = padded[..., i : i + rows : stride, j : j + columns : stride]  # a view
        y = y + kernels[:, :, place, None] * shifted
    return y.flatten(1, 2)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, kernel = torch.randn(2, 6, 9, 8), torch.randn(3, 25)  # three groups of two channels
    same = kernel[None, :, :, None, None].expand(2, -1, -1, 9, 8)
    y = involution2d(x, same)
    weight = kernel.view(3, 1, 5, 5).repeat_interleave(2, dim=0)
    expected = F.conv2d(x, weight, padding=2, groups=6)
    print(f"with one kernel at all places: a depthwise convolution, difference {(y - expected).abs().max().item():.0e}")
