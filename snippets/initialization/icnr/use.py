"""ICNR: a convolution before PixelShuffle that, with a bias of 0, starts as nearest-neighbour upsampling.

Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017, section on convolution NN resize.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def icnr_std(shape: tuple[int, ...], upscale_factor: int = 2) -> float:
    """Standard deviation with the default initializer, Kaiming: sqrt(2 / fan_in); copies do not change it."""
    return math.sqrt(2 / math.prod(shape[1:]))


@torch.no_grad()
def icnr_(
    tensor: Tensor,
    upscale_factor: int = 2,
    initializer: Callable[..., Any] = nn.init.kaiming_normal_,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill in place the weight of a convolution that feeds ``nn.PixelShuffle(upscale_factor)``; set its bias to 0.

    Args:
        tensor: weight, (out_channels * upscale_factor**2, in_channels, *kernel).
        upscale_factor: PixelShuffle's.
        initializer: fills the small weight (out_channels, in_channels, *kernel) in place; takes ``generator=``.
        generator: source of randomness; torch's default one if None.

    Returns:
        ``tensor``: each kernel of the small weight, repeated for the upscale_factor**2 pixels that it becomes.

    Raises:
        ValueError: if the number of output channels is no multiple of upscale_factor**2.
    """
    copies = upscale_factor**2
    if tensor.shape[0] % copies:
        raise ValueError(f"{tensor.shape[0]} output channels are no multiple of {upscale_factor}**2")
    small = torch.empty_like(tensor[::copies], memory_format=torch.contiguous_format)
    initializer(small, generator=generator)
    return tensor.copy_(small.repeat_interleave(copies, dim=0))  # PixelShuffle takes neighbouring channels together


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(1, 16, 8, 8)  # (batch, channels, height, width)
    conv = nn.Conv2d(16, 3 * 2**2, 3, padding=1)
    assert conv.bias is not None
    nn.init.zeros_(conv.bias)
    for name in ("Kaiming", "ICNR"):
        nn.init.kaiming_normal_(conv.weight) if name == "Kaiming" else icnr_(conv.weight)
        y = nn.PixelShuffle(2)(conv(x))  # (batch, 3, 16, 16)
        inside = (y[..., 0::2] - y[..., 1::2]).abs().mean()
        print(f"{name}: mean difference between the two columns of a pixel {inside.item():.1f}")
