"""RegNetX and RegNetY, whose widths and depths follow from five numbers; as torchvision has them.

Source: Radosavovic et al., "Designing Network Design Spaces", 2020, section 3.3, equations 2 to 4
"""

import math

import torch
from torch import Tensor, nn

VARIANTS = {  # blocks, width of the first, slope, step, width of a group; whether it has gates
    "X-400MF": (22, 24, 24.48, 2.54, 16, False),
    "X-3.2GF": (25, 88, 26.31, 2.25, 48, False),
    "Y-400MF": (16, 48, 27.89, 2.09, 8, True),
    "Y-3.2GF": (21, 80, 42.63, 2.66, 24, True),
    "Y-8GF": (17, 192, 76.82, 2.19, 56, True),
}


def stage_sizes(blocks: int, first: int, slope: float, step: float, group: int) -> list[tuple[int, int]]:
    """Width and number of blocks of each stage.

    A line gives each block its width; the width is rounded to a power of ``step`` times the first, then to a
    multiple of 8. Blocks of one width are a stage, and its width is rounded to whole groups.
    """
    powers = [round(math.log((first + slope * place) / first) / math.log(step)) for place in range(blocks)]
    widths = [8 * round(first * step**power / 8) for power in powers]
    return [(to_multiple(width, min(group, width)), widths.count(width)) for width in sorted(set(widths))]


def to_multiple(width: int, of: int) -> int:
    """The nearest multiple; the next one above where that would lose more than 10%."""
    nearest = max(of, int(width + of / 2) // of * of)
    return nearest if nearest >= 0.9 * width else nearest + of


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        reduce, expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.ReLU(), expand, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x)


class Block(nn.Module):
    """ReLU(shortcut(x) + branch(x)): 1×1, grouped 3×3 and 1×1 convolutions, all of one width.

    Args:
        channels: of the input.
        width: of all three convolutions.
        stride: of the grouped convolution.
        group: channels of one group.
        gated: whether a gate follows the grouped convolution.
    """

    def __init__(self, channels: int, width: int, stride: int, group: int, gated: bool) -> None:
        super().__init__()
        same = stride == 1 and channels == width
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(channels, width, 1, stride))
        grouped = conv_norm(width, width, 3, stride, groups=width // min(group, width))
        gate = [SqueezeExcite(width, round(0.25 * channels))] if gated else []
        first, last = conv_norm(channels, width, 1), conv_norm(width, width, 1)
        self.branch = nn.Sequential(*first, nn.ReLU(), *grouped, nn.ReLU(), *gate, *last)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, width, height / stride, width / stride) out, rounded up."""
        return self.relu(self.shortcut(x) + self.branch(x))


class RegNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        blocks: of all stages together.
        first: width of the first block, before rounding.
        slope: by how much each block is wider than the one before, before rounding.
        step: factor between the widths of two stages, before rounding.
        group: channels of one group.
        gated: RegNetY; else RegNetX.
        classes: of the last layer.
    """

    def __init__(
        self, blocks: int, first: int, slope: float, step: float, group: int, gated: bool, classes: int = 1000
    ) -> None:
        super().__init__()
        self.stem, channels = nn.Sequential(*conv_norm(3, 32, 3, 2), nn.ReLU()), 32
        for stage, (width, count) in enumerate(stage_sizes(blocks, first, slope, step, group), 1):
            made = [
                Block(width if place else channels, width, 1 if place else 2, group, gated) for place in range(count)
            ]
            self.add_module(f"stage{stage}", nn.Sequential(*made))
            channels = width
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"X-400MF": 5_495_976, "X-3.2GF": 15_296_552, "Y-400MF": 4_344_144, "Y-3.2GF": 19_436_338}
    published["Y-8GF"] = 39_381_472  # all torchvision's
    with torch.device("meta"):
        counts = {name: sum(p.numel() for p in RegNet(*VARIANTS[name]).parameters()) for name in published}
    print(f"difference to torchvision's number of parameters: {max(abs(counts[n] - c) for n, c in published.items())}")
    print(f"widths and depths of RegNetY-3.2GF: {stage_sizes(*VARIANTS['Y-3.2GF'][:5])}")
