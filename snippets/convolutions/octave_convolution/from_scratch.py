"""Octave convolution at full resolution: the coarse maps are flat in cells of 2 × 2, and their kernels are dilated.

Source: Chen et al., "Drop an Octave: Reducing Spatial Redundancy in Convolutional Neural Networks with Octave
Convolution", 2019, equations 2 to 4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def flat(x: Tensor) -> Tensor:
    """Each cell of 2 × 2 pixels gets its mean, (batch, channels, height, width) in and out."""
    means = (x[..., ::2, ::2] + x[..., 1::2, ::2] + x[..., ::2, 1::2] + x[..., 1::2, 1::2]) / 4
    return means.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)


def octave_conv2d(fine: Tensor, coarse: Tensor, weight: Tensor, fine_out: int) -> tuple[Tensor, Tensor]:
    """(batch, fine channels, height, width) and (batch, coarse channels, height / 2, width / 2), in and out.

    Args:
        fine: the maps of full resolution; height and width are even.
        coarse: those of half the resolution.
        weight: (outputs, fine and coarse inputs, kernel, kernel), with an odd kernel.
        fine_out: how many of the outputs are fine, the first ones.
    """
    fine_in, reach = fine.shape[1], weight.shape[-1] // 2
    enlarged = coarse.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)
    from_fine, from_coarse = weight[:, :fine_in], weight[:, fine_in:]
    y = F.conv2d(fine, from_fine[:fine_out], padding=reach)
    y = y + F.conv2d(enlarged, from_coarse[:fine_out], padding=2 * reach, dilation=2)
    z = F.conv2d(torch.cat([flat(fine), enlarged], 1), weight[fine_out:], padding=2 * reach, dilation=2)
    return y, z[..., ::2, ::2]  # flat in cells, too: one pixel of each says all


if __name__ == "__main__":
    torch.manual_seed(0)
    fine, coarse, weight = torch.randn(2, 6, 8, 12), torch.randn(2, 2, 4, 6), torch.randn(10, 8, 3, 3)
    y, z = octave_conv2d(fine, coarse, weight, fine_out=7)
    wanted = F.conv2d(fine, weight[:7, :6], padding=1)
    wanted = wanted + F.interpolate(F.conv2d(coarse, weight[:7, 6:], padding=1), scale_factor=2)
    print(f"fine outputs, largest difference from two resolutions: {(y - wanted).abs().max():.0e}")
    wanted = F.conv2d(F.avg_pool2d(fine, 2), weight[7:, :6], padding=1) + F.conv2d(coarse, weight[7:, 6:], padding=1)
    print(f"coarse outputs: {(z - wanted).abs().max():.0e}")
