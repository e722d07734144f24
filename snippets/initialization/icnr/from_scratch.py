"""ICNR by loops over the sub-pixels, and its output beside a nearest-neighbour upsampling.

Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017, section on convolution NN resize.
"""

import torch
from torch import Tensor, nn


def icnr_weight(small: Tensor, r: int) -> Tensor:
    """Weight (channels * r * r, in, k, k) whose r * r kernels of each output channel are equal to that of ``small``."""
    weight = small.new_zeros(small.shape[0] * r * r, *small.shape[1:])
    for channel in range(small.shape[0]):
        for row in range(r):
            for column in range(r):
                weight[channel * r * r + row * r + column] = small[channel]
    return weight


def pixel_shuffle(x: Tensor, r: int) -> Tensor:
    """(batch, channels * r * r, height, width) -> (batch, channels, height * r, width * r), sub-pixel by sub-pixel."""
    batch, channels, height, width = x.shape
    y = x.new_zeros(batch, channels // (r * r), height * r, width * r)
    for row in range(r):
        for column in range(r):
            y[:, :, row::r, column::r] = x[:, row * r + column :: r * r]
    return y


if __name__ == "__main__":
    torch.manual_seed(0)
    x, small = torch.randn(2, 4, 6, 5), torch.randn(3, 4, 3, 3)
    for r in (2, 3):
        y = pixel_shuffle(nn.functional.conv2d(x, icnr_weight(small, r), padding=1), r)
        low = nn.functional.conv2d(x, small, padding=1)
        reference = nn.functional.interpolate(low, scale_factor=r, mode="nearest")
        print(f"factor {r}: largest difference from nearest-neighbour upsampling {(y - reference).abs().max():.0e}")
