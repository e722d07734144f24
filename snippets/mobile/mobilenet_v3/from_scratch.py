"""MobileNetV3, large and small.

Source: Howard et al., "Searching for MobileNetV3", 2019, tables 1 and 2; the end of the small one as in torchvision
"""

import torch
from torch import Tensor, nn

BLOCKS = {  # kernel, channels inside, channels, squeeze, hard swish, stride; a stage is a group of rows
    "large": [
        [(3, 16, 16, False, False, 1)],
        [(3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1)],
        [(5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1)],
        [(3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1)] + 2 * [(3, 184, 80, False, True, 1)],
        [(3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1)],
        [(5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1)],
    ],
    "small": [
        [(3, 16, 16, True, False, 2)],
        [(3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1)],
        [(5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1)],
        [(5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1)],
        [(5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1)],
    ],
}


def rounded(channels: float) -> int:
    """The nearest multiple of 8; the next one above where that would lose more than 10%."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization with torchvision's constants."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(out, eps=1e-3, momentum=0.01)]


class Squeeze(nn.Module):
    """Multiplies each channel by a number from 0 to 1 that two small layers compute from the means of all channels."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        first, second = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), first, nn.ReLU(), second, nn.Hardsigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.scale(x)


class InvertedResidual(nn.Module):
    """MobileNetV2's block with a choice of kernel and activation, and a squeeze before it narrows.

    Args:
        channels: of the input.
        kernel: of the depthwise convolution.
        wide: channels inside.
        out: of the output.
        squeeze: whether channels are weighted.
        hard: hard swish in place of ReLU.
        stride: of the depthwise convolution.
    """

    def __init__(self, channels: int, kernel: int, wide: int, out: int, squeeze: bool, hard: bool, stride: int) -> None:
        super().__init__()
        act = nn.Hardswish if hard else nn.ReLU
        widen = [*conv(channels, wide, 1), act()] if wide != channels else []
        filtered = [*conv(wide, wide, kernel, stride, groups=wide), act()]
        weighted = [Squeeze(wide, rounded(wide // 4))] if squeeze else []
        self.branch = nn.Sequential(*widen, *filtered, *weighted, *conv(wide, out, 1))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class MobileNetV3(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        size: large or small.
        width: factor for the channels of all layers.
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, size: str = "large", width: float = 1.0, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        channels = rounded(16 * width)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.Hardswish())
        for place, rows in enumerate(BLOCKS[size]):
            stage = nn.Sequential()
            for kernel, inside, base, squeeze, hard, stride in rows:
                out = rounded(base * width)
                stage.append(InvertedResidual(channels, kernel, rounded(inside * width), out, squeeze, hard, stride))
                channels = out
            self.add_module(f"stage{place + 1}", stage)
        last, hidden = 6 * channels, rounded({"large": 1280, "small": 1024}[size] * width)
        self.last = nn.Sequential(*conv(channels, last, 1), nn.Hardswish())
        linear = [nn.Linear(last, hidden), nn.Hardswish(), nn.Dropout(dropout), nn.Linear(hidden, classes)]
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *linear)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"large": 5_483_032, "small": 2_542_856}  # torchvision's counts
    with torch.device("meta"):
        counts = {size: sum(p.numel() for p in MobileNetV3(size).parameters()) for size in published}
    print(f"parameters: {counts}")
    print(f"largest difference to the published number: {max(abs(counts[s] - n) for s, n in published.items())}")
