"""A strided convolution as a convolution of which all outputs but every s-th are thrown away; and by space-to-depth.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 2.4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def strided(x: Tensor, weight: Tensor, stride: int, padding: int = 0) -> Tensor:
    """(batch, channels, height, width) in, (batch, outputs, height', width') out.

    Args:
        x: the images.
        weight: (outputs, channels, kernel height, kernel width).
        stride: which outputs stay: every stride-th in each direction, from the first on.
        padding: pixels that are added at each side.
    """
    return F.conv2d(x, weight, padding=padding)[..., ::stride, ::stride]


def by_patches(x: Tensor, weight: Tensor) -> Tensor:
    """A kernel as large as its stride: each patch becomes a column of channels, and a 1×1 convolution reads it.

    Args:
        x: the images; height and width are multiples of the kernel's size.
        weight: (outputs, channels, kernel, kernel).
    """
    patches = F.pixel_unshuffle(x, weight.shape[-1])  # (batch, channels * kernel², height / kernel, width / kernel)
    return torch.einsum("bchw,oc->bohw", patches, weight.flatten(1))


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 3, 12, 12, dtype=torch.float64)
    weight, patch = torch.randn(5, 3, 3, 3, dtype=torch.float64), torch.randn(5, 3, 2, 2, dtype=torch.float64)
    first = (strided(x, weight, 2, 1) - F.conv2d(x, weight, stride=2, padding=1)).abs().max()
    second = (by_patches(x, patch) - F.conv2d(x, patch, stride=2)).abs().max()
    print(f"largest difference to torch's strided convolution below 1e-12: {max(first, second) < 1e-12}")
