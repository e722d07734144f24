"""EfficientNet-B0 to B7, as torchvision has them.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, section 4
"""

import math

import torch
from torch import Tensor, nn

STAGES = [  # expansion, kernel, stride, channels, blocks
    *[(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)],
    *[(6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)],
]
WIDTHS = [1.0, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0]  # B0 to B7: factor for channels,
DEPTHS = [1.0, 1.1, 1.2, 1.4, 1.8, 2.2, 2.6, 3.1]  # factor for blocks,
DROPOUTS = [0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5]


def rounded(channels: float) -> int:
    """The nearest multiple of 8; the next one above where that would lose more than 10%."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        reduce, expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.SiLU(), expand, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x)


class DropPath(nn.Module):
    """In training, zero for a share p of the samples, the others divided by 1 - p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        if not self.training or self.p == 0:
            return x
        return x * x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(1 - self.p).div_(1 - self.p)


class MBConv(nn.Module):
    """Widen, filter each channel by itself, weigh the channels, narrow; plus the input where shapes agree.

    Args:
        channels: of the input.
        out: of the output.
        kernel: size of the depthwise kernel.
        stride: of the depthwise convolution.
        expansion: how many times wider it is inside than at its input; 1 leaves the first convolution out.
        drop: share of the samples whose branch is left out in training.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int, drop: float = 0.0) -> None:
        super().__init__()
        wide = rounded(channels * expansion)
        widen = [*conv(channels, wide, 1), nn.SiLU()] if expansion > 1 else []
        filtered = [*conv(wide, wide, kernel, stride, groups=wide), nn.SiLU(), SqueezeExcite(wide, channels // 4)]
        self.branch = nn.Sequential(*widen, *filtered, *conv(wide, out, 1))
        self.shortcut, self.drop_path = stride == 1 and channels == out, DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.drop_path(self.branch(x)) if self.shortcut else self.branch(x)


class EfficientNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        width: factor for the channels of all layers.
        depth: factor for the blocks of all stages.
        dropout: before the last layer.
        classes: of the last layer.
        drop_path: rate that grows with the block's place, from 0 to just below this.
    """

    def __init__(
        self, width: float = 1.0, depth: float = 1.0, dropout: float = 0.2, classes: int = 1000, drop_path: float = 0.2
    ) -> None:
        super().__init__()
        channels, place = rounded(32 * width), 0
        total = sum(math.ceil(blocks * depth) for *_, blocks in STAGES)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.SiLU())
        for number, (expansion, kernel, stride, base, blocks) in enumerate(STAGES, 1):
            made, out = [], rounded(base * width)
            for first in [True] + [False] * (math.ceil(blocks * depth) - 1):
                made.append(MBConv(channels, out, kernel, stride if first else 1, expansion, drop_path * place / total))
                channels, place = out, place + 1
            self.add_module(f"stage{number}", nn.Sequential(*made))
        pooled = [*conv(channels, 4 * channels, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.head = nn.Sequential(*pooled, nn.Dropout(dropout), nn.Linear(4 * channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


def efficientnet(variant: int = 0, classes: int = 1000) -> EfficientNet:
    """B0 to B7."""
    return EfficientNet(WIDTHS[variant], DEPTHS[variant], DROPOUTS[variant], classes)


if __name__ == "__main__":
    published = [5_288_548, 7_794_184, 9_109_994, 12_233_232, 19_341_616, 30_389_784, 43_040_704, 66_347_960]
    with torch.device("meta"):
        counts = [sum(p.numel() for p in efficientnet(variant).parameters()) for variant in range(8)]
    differences = [abs(ours - theirs) for ours, theirs in zip(counts, published, strict=True)]
    print(f"difference to torchvision's number of parameters, B0 to B7: {max(differences)}")
