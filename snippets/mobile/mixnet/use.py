"""MixConv: a depthwise layer whose channels have kernels of several sizes, in a block for small images.

Source: Tan and Le, "MixConv: Mixed Depthwise Convolutional Kernels", 2019, section 2.1
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class MixConv2d(nn.Module):
    """In place of a depthwise convolution: equal parts of the channels, each with its own kernel size.

    Args:
        channels: of input and output.
        kernels: odd sizes, one for each part.
        stride: of all parts.

    Raises:
        ValueError: for an even kernel size, and for more parts than channels.
    """

    def __init__(self, channels: int, kernels: Sequence[int] = (3, 5, 7), stride: int = 1) -> None:
        super().__init__()
        if len(kernels) > channels or any(kernel % 2 == 0 for kernel in kernels):
            raise ValueError(
                f"needs odd kernels, at most one for each of {channels} channels; these are {list(kernels)}"
            )
        part = channels // len(kernels)
        self.sizes = [channels - part * (len(kernels) - 1), *[part] * (len(kernels) - 1)]
        self.parts = nn.ModuleList(
            nn.Conv2d(size, size, kernel, stride, kernel // 2, groups=size, bias=False)
            for size, kernel in zip(self.sizes, kernels, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels, height / stride, width / stride) out, rounded up."""
        return torch.cat([part(piece) for part, piece in zip(self.parts, x.split(self.sizes, 1), strict=True)], 1)


def mixed_block(channels: int, out: int, kernels: Sequence[int], stride: int = 1, expansion: int = 6) -> nn.Sequential:
    """Widen, filter with mixed kernels, narrow.

    Args:
        channels: of the input.
        out: of the output.
        kernels: odd sizes.
        stride: 2 halves height and width.
        expansion: how many times wider it is inside.
    """
    wide = expansion * channels
    layers = [nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU()]
    layers += [MixConv2d(wide, kernels, stride), nn.BatchNorm2d(wide), nn.SiLU()]
    return nn.Sequential(*layers, nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out))


if __name__ == "__main__":
    torch.manual_seed(0)
    blocks = [mixed_block(16, 24, (3, 5), stride=2), mixed_block(24, 40, (3, 5, 7), stride=2)]
    stem = nn.Conv2d(3, 16, 3, padding=1)
    model = nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(40, 10))
    print(f"logits: {tuple(model(torch.rand(2, 3, 32, 32)).shape)}")
    for kernels in ((3,), (3, 5, 7), (7,)):
        weights = sum(p.numel() for p in MixConv2d(48, kernels).parameters())
        print(f"weights of 48 channels with kernels {kernels}: {weights:,}")
