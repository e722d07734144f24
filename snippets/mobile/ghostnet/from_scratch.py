"""GhostNet of any width.

Source: Han et al., "GhostNet: More Features from Cheap Operations", 2019, sections 3.1 and 3.2 and table 1
"""

import math

import torch
from torch import Tensor, nn

STAGES = [  # kernel, channels inside, channels, squeeze, stride
    [(3, 16, 16, False, 1)],
    [(3, 48, 24, False, 2), (3, 72, 24, False, 1)],
    [(5, 72, 40, True, 2), (5, 120, 40, True, 1)],
    [(3, 240, 80, False, 2), (3, 200, 80, False, 1)]
    + 2 * [(3, 184, 80, False, 1)]
    + [(3, 480, 112, True, 1), (3, 672, 112, True, 1)],
    [(5, 672, 160, True, 2)] + 2 * [(5, 960, 160, False, 1), (5, 960, 160, True, 1)],
]


def rounded(channels: float) -> int:
    """The nearest multiple of 4; the next one above where that would lose more than 10%."""
    nearest = max(4, int(channels + 2) // 4 * 4)
    return nearest if nearest >= 0.9 * channels else nearest + 4


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = False) -> list[nn.Module]:
    """Convolution without a bias, batch normalization, and ReLU where it is asked for."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(out), *([nn.ReLU()] if act else [])]


class Ghost(nn.Module):
    """A 1×1 convolution makes a share of the channels; cheap 3×3 depthwise convolutions make the others from them.

    Args:
        channels: of the input.
        out: of the output.
        act: whether ReLU follows.
        ratio: channels for each one that the 1×1 convolution makes, 2 or more.
    """

    def __init__(self, channels: int, out: int, act: bool, ratio: int = 2) -> None:
        super().__init__()
        own, self.out = math.ceil(out / ratio), out
        self.first = nn.Sequential(*conv(channels, own, 1, act=act))
        self.ghosts = nn.Sequential(*conv(own, own * (ratio - 1), 3, groups=own, act=act))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height, width) out."""
        y = self.first(x)
        return torch.cat([y, self.ghosts(y)], dim=1)[:, : self.out]


class Squeeze(nn.Module):
    """Multiplies each channel by a number from 0 to 1 that two small layers compute from the means of all channels."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        first, second = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), first, nn.ReLU(), second, nn.Hardsigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.scale(x)


class Bottleneck(nn.Module):
    """A ghost module that widens, at stride 2 a depthwise convolution, and a ghost module that narrows.

    Args:
        channels: of the input.
        kernel: of the depthwise convolutions at stride 2 and on the shortcut.
        wide: channels inside.
        out: of the output.
        squeeze: whether channels are weighted.
        stride: of the block.
    """

    def __init__(self, channels: int, kernel: int, wide: int, out: int, squeeze: bool, stride: int) -> None:
        super().__init__()
        halve = conv(wide, wide, kernel, stride, groups=wide) if stride > 1 else []
        weighted = [Squeeze(wide, rounded(wide / 4))] if squeeze else []
        self.branch = nn.Sequential(Ghost(channels, wide, True), *halve, *weighted, Ghost(wide, out, False))
        same = stride == 1 and channels == out
        fitting = [*conv(channels, channels, kernel, stride, groups=channels), *conv(channels, out, 1)]
        self.shortcut = nn.Sequential(*([] if same else fitting))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return self.branch(x) + self.shortcut(x)


class GhostNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        width: factor for the channels of all layers but the last hidden one, which has 1,280.
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, width: float = 1.0, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        channels = rounded(16 * width)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2, act=True))
        for place, rows in enumerate(STAGES):
            stage = nn.Sequential()
            for kernel, inside, base, squeeze, stride in rows:
                out = rounded(base * width)
                stage.append(Bottleneck(channels, kernel, rounded(inside * width), out, squeeze, stride))
                channels = out
            self.add_module(f"stage{place + 1}", stage)
        last = rounded(960 * width)
        self.last = nn.Sequential(*conv(channels, last, 1, act=True), nn.AdaptiveAvgPool2d(1))
        linear = [nn.Flatten(), nn.Dropout(dropout), nn.Linear(1280, classes)]
        self.head = nn.Sequential(nn.Conv2d(last, 1280, 1), nn.ReLU(), *linear)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {0.5: 2_587_292, 1.0: 5_182_508, 1.3: 7_358_820}  # timm's counts
    with torch.device("meta"):
        counts = {width: sum(p.numel() for p in GhostNet(width).parameters()) for width in published}
    print(f"parameters: {counts}")
    print(f"largest difference to the published number: {max(abs(counts[w] - n) for w, n in published.items())}")
