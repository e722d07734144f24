"""Involution as a sum over shifted maps: no unfolding, k² times less memory at once.

Source: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition", 2021, equation 4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def involution2d(x: Tensor, kernels: Tensor, stride: int = 1) -> Tensor:
    """Each place of the output is a sum over its neighbourhood with its own weights.

    Args:
        x: (batch, channels, height, width).
        kernels: (batch, groups, k², height / stride, width / stride), odd k; neighbouring channels form a group.
        stride: distance of the places in x.
    """
    size = round(kernels.shape[2] ** 0.5)
    padded = F.pad(x, [size // 2] * 4)
    rows, columns = ((n - 1) // stride * stride + 1 for n in x.shape[2:])
    y = torch.zeros(*x.shape[:2], *kernels.shape[3:], dtype=x.dtype, device=x.device)
    for place in range(size**2):
        i, j = divmod(place, size)
        shifted = padded[:, :, i : i + rows : stride, j : j + columns : stride]
        weight = kernels[:, :, place].repeat_interleave(x.shape[1] // kernels.shape[1], dim=1)
        y = y + weight * shifted
    return y


if __name__ == "__main__":
    torch.manual_seed(0)
    x, kernel = torch.randn(2, 6, 9, 8), torch.randn(3, 25)  # three groups of two channels
    same = kernel[None, :, :, None, None].expand(2, -1, -1, 9, 8)
    y = involution2d(x, same)
    weight = kernel.view(3, 1, 5, 5).repeat_interleave(2, dim=0)
    expected = F.conv2d(x, weight, padding=2, groups=6)
    print(f"with one kernel at all places: a depthwise convolution, difference {(y - expected).abs().max().item():.0e}")
