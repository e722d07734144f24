"""MixNet-S, M and L: inverted residual blocks whose channels are filtered by kernels of several sizes.

Source: Tan and Le, "MixConv: Mixed Depthwise Convolutional Kernels", 2019, sections 2 and 4; blocks as in timm's
``models/efficientnet.py``
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Row(NamedTuple):
    """Equal blocks: stride of the first, parts that widen and narrow, share of the input's channels in the squeeze."""

    channels: int
    stride: int
    blocks: int
    kernels: tuple[int, ...]
    widen: int
    narrow: int
    expansion: int
    squeeze: float


S = [
    [Row(24, 2, 1, (3,), 2, 2, 6, 0), Row(24, 1, 1, (3,), 2, 2, 3, 0)],
    [Row(40, 2, 1, (3, 5, 7), 1, 1, 6, 0.5), Row(40, 1, 3, (3, 5), 2, 2, 6, 0.5)],
    [Row(80, 2, 1, (3, 5, 7), 1, 2, 6, 0.25), Row(80, 1, 2, (3, 5), 1, 2, 6, 0.25)],
    [Row(120, 1, 1, (3, 5, 7), 2, 2, 6, 0.5), Row(120, 1, 2, (3, 5, 7, 9), 2, 2, 3, 0.5)],
    [Row(200, 2, 1, (3, 5, 7, 9, 11), 1, 1, 6, 0.5), Row(200, 1, 2, (3, 5, 7, 9), 1, 2, 6, 0.5)],
]
M = [
    [Row(32, 2, 1, (3, 5, 7), 2, 2, 6, 0), Row(32, 1, 1, (3,), 2, 2, 3, 0)],
    [Row(40, 2, 1, (3, 5, 7, 9), 1, 1, 6, 0.5), Row(40, 1, 3, (3, 5), 2, 2, 6, 0.5)],
    [Row(80, 2, 1, (3, 5, 7), 1, 1, 6, 0.25), Row(80, 1, 3, (3, 5, 7, 9), 2, 2, 6, 0.25)],
    [Row(120, 1, 1, (3,), 1, 1, 6, 0.5), Row(120, 1, 3, (3, 5, 7, 9), 2, 2, 3, 0.5)],
    [Row(200, 2, 1, (3, 5, 7, 9), 1, 1, 6, 0.5), Row(200, 1, 3, (3, 5, 7, 9), 1, 2, 6, 0.5)],
]
SIZES = {"s": (S, 16, 1.0), "m": (M, 24, 1.0), "l": (M, 24, 1.3)}  # stages, channels of the stem, width


def shares(channels: int, parts: int) -> list[int]:
    """Equal parts; what does not divide goes to the first."""
    return [channels - channels // parts * (parts - 1), *[channels // parts] * (parts - 1)]


class Mixed(nn.Module):
    """Each part of the channels has a convolution of its own.

    Args:
        channels: of the input.
        out: of the output.
        kernels: one for each part.
        stride: of all parts.
        depthwise: filter each channel by itself.
    """

    def __init__(
        self, channels: int, out: int, kernels: Sequence[int], stride: int = 1, depthwise: bool = False
    ) -> None:
        super().__init__()
        self.shares, self.parts = shares(channels, len(kernels)), nn.ModuleList()
        for kernel, n, o in zip(kernels, self.shares, shares(out, len(kernels)), strict=True):
            groups = n if depthwise else 1
            self.parts.append(nn.Conv2d(n, o, kernel, stride, kernel // 2, groups=groups, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        pieces = x.split(self.shares, 1)
        return torch.cat([part(pieces[place]) for place, part in enumerate(self.parts)], 1)


class Squeeze(nn.Module):
    """Multiplies each channel by a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        first, second = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), first, nn.SiLU(), second, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.scale(x)


class Branch(nn.Module):
    """Layers, and the input added to their output where ``shortcut`` says so."""

    def __init__(self, shortcut: bool, *layers: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut = nn.Sequential(*layers), shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, what the layers make of it out; with the shortcut the same shape."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


def first(c: int) -> Branch:
    """The first block: a 3×3 depthwise and a 1×1 convolution."""
    layers = [nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False), nn.BatchNorm2d(c), nn.ReLU()]
    return Branch(True, *layers, nn.Conv2d(c, c, 1, bias=False), nn.BatchNorm2d(c))


def block(channels: int, out: int, stride: int, row: Row) -> Branch:
    """Widen, filter with mixed kernels, weight the channels, narrow."""
    wide, act = channels * row.expansion, nn.SiLU if row.squeeze else nn.ReLU
    layers = [Mixed(channels, wide, [1] * row.widen), nn.BatchNorm2d(wide), act()]
    layers += [Mixed(wide, wide, row.kernels, stride, depthwise=True), nn.BatchNorm2d(wide), act()]
    layers += [Squeeze(wide, round(channels * row.squeeze))] if row.squeeze else []
    layers += [Mixed(wide, out, [1] * row.narrow), nn.BatchNorm2d(out)]
    return Branch(stride == 1 and channels == out, *layers)


def rounded(channels: float) -> int:
    """The nearest multiple of 8; the next one above where that would lose more than 10%."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class MixNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        size: s, m or l.
        classes: of the last layer.
        width: factor for the channels of all layers but the last convolution.
    """

    def __init__(self, size: str = "s", classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        stages, stem, factor = SIZES[size]
        channels = rounded(stem * factor * width)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())
        self.stage0 = first(channels)
        for place, rows in enumerate(stages):
            stage = nn.Sequential()
            for row in rows:
                for stride in (row.stride, *[1] * (row.blocks - 1)):
                    out = rounded(row.channels * factor * width)
                    stage.append(block(channels, out, stride, row))
                    channels = out
            self.add_module(f"stage{place + 1}", stage)
        self.last = nn.Sequential(nn.Conv2d(channels, 1536, 1, bias=False), nn.BatchNorm2d(1536), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1536, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        counts = {size: sum(p.numel() for p in MixNet(size).parameters()) for size in SIZES}
    print(f"parameters: {counts}")
    print(f"difference of MixNet-S from timm's 4,134,606: {counts['s'] - 4_134_606}")
