"""BlurPool without a convolution: take the mean of neighbours a few times, then every second pixel.

Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, section 3.2
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def blur_pool2d(x: Tensor, size: int = 4, stride: int = 2) -> Tensor:
    """(batch, channels, height, width) in; height and width are divided by the stride and rounded up.

    Args:
        x: the maps; height and width are above half of the blur's size.
        size: of the blur; the mean of two neighbours is taken one time fewer, down and across.
        stride: pixels from one output to the next.
    """
    left = (size - 1) // 2
    x = F.pad(x, (left, size - 1 - left) * 2, mode="reflect")
    for dim in (2, 3):
        for _ in range(size - 1):
            pairs = x.shape[dim] - 1
            x = (x.narrow(dim, 0, pairs) + x.narrow(dim, 1, pairs)) / 2
    return x[:, :, ::stride, ::stride]


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 3, 13, 16)
    line = torch.tensor([math.comb(4, i) for i in range(5)]) / 2**4  # 1, 4, 6, 4, 1 sixteenths
    kernel = torch.outer(line, line).expand(3, 1, 5, 5)
    by_convolution = F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=3)
    difference = (blur_pool2d(x, size=5) - by_convolution).abs().max()
    print(f"size 5, largest difference from a convolution with 1, 4, 6, 4, 1: {difference:.0e}")
