"""Inception v4 and Inception-ResNet-v2, as timm has them.

Source: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", 2016,
figures 3 to 9; the residual network as its authors released it, with more blocks than in the figures
"""

import torch
from torch import Tensor, nn

Kernel = int | tuple[int, int]


def conv(channels: int, out: int, kernel: Kernel = 1, stride: int = 1, padding: Kernel = 0) -> nn.Sequential:
    """Convolution, batch normalization, ReLU."""
    layer = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out, eps=1e-3), nn.ReLU())


def wide(channels: int, out: int, kernel: int) -> nn.Sequential:
    """1 by ``kernel``, keeping the size."""
    return conv(channels, out, (1, kernel), padding=(0, kernel // 2))


def tall(channels: int, out: int, kernel: int) -> nn.Sequential:
    """``kernel`` by 1, keeping the size."""
    return conv(channels, out, (kernel, 1), padding=(kernel // 2, 0))


class Branches(nn.Module):
    """Several modules on one input, side by side; their outputs are concatenated."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the branches' channels together out."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def pooled(channels: int, out: int) -> nn.Sequential:
    """Mean of 3×3 pixels, of which those on the padding do not count, and a 1×1 convolution."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv(channels, out))


def stem() -> nn.Sequential:
    """Figure 3: even the first layers stand side by side, and are halved by a pooling beside a convolution."""
    seven = nn.Sequential(conv(160, 64), wide(64, 64, 7), tall(64, 64, 7), conv(64, 96, 3))
    return nn.Sequential(
        *(conv(3, 32, 3, 2), conv(32, 32, 3), conv(32, 64, 3, padding=1)),
        Branches(nn.MaxPool2d(3, 2), conv(64, 96, 3, 2)),
        Branches(nn.Sequential(conv(160, 64), conv(64, 96, 3)), seven),
        Branches(conv(192, 192, 3, 2), nn.MaxPool2d(3, 2)),
    )


def block_a() -> Branches:
    """Figure 4, on maps of 35 by 35."""
    double = nn.Sequential(conv(384, 64), conv(64, 96, 3, padding=1), conv(96, 96, 3, padding=1))
    return Branches(conv(384, 96), nn.Sequential(conv(384, 64), conv(64, 96, 3, padding=1)), double, pooled(384, 96))


def block_b() -> Branches:
    """Figure 5, on maps of 17 by 17: 1×7 and 7×1 in place of 7×7."""
    once = nn.Sequential(conv(1024, 192), wide(192, 224, 7), tall(224, 256, 7))
    first = [conv(1024, 192), tall(192, 192, 7), wide(192, 224, 7)]
    twice = nn.Sequential(*first, tall(224, 224, 7), wide(224, 256, 7))
    return Branches(conv(1024, 384), once, twice, pooled(1024, 128))


def block_c() -> Branches:
    """Figure 6, on maps of 8 by 8: 1×3 and 3×1 side by side."""
    once = nn.Sequential(conv(1536, 384), Branches(wide(384, 256, 3), tall(384, 256, 3)))
    first = [conv(1536, 384), tall(384, 448, 3), wide(448, 512, 3)]
    twice = nn.Sequential(*first, Branches(wide(512, 256, 3), tall(512, 256, 3)))
    return Branches(conv(1536, 256), once, twice, pooled(1536, 256))


def halve() -> Branches:
    """Figure 7."""
    double = nn.Sequential(conv(384, 192), conv(192, 224, 3, padding=1), conv(224, 256, 3, 2))
    return Branches(conv(384, 384, 3, 2), double, nn.MaxPool2d(3, 2))


def halve_again() -> Branches:
    """Figure 8."""
    seven = nn.Sequential(conv(1024, 256), wide(256, 256, 7), tall(256, 320, 7), conv(320, 320, 3, 2))
    return Branches(nn.Sequential(conv(1024, 192), conv(192, 192, 3, 2)), seven, nn.MaxPool2d(3, 2))


class InceptionV4(nn.Module):
    """Images (batch, 3, height, width), usually of 299 by 299 and from -1 to 1, to logits (batch, classes).

    Args:
        classes: of the last layer.
        blocks: how many of each of the three kinds.
        dropout: before the last layer.
    """

    def __init__(self, classes: int = 1000, blocks: tuple[int, int, int] = (4, 7, 3), dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = stem()
        self.blocks35 = nn.Sequential(*(block_a() for _ in range(blocks[0])))
        self.halve = halve()
        self.blocks17 = nn.Sequential(*(block_b() for _ in range(blocks[1])))
        self.halve_again = halve_again()
        self.blocks8 = nn.Sequential(*(block_c() for _ in range(blocks[2])))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(1536, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


class Scaled(nn.Module):
    """Branches side by side, a 1×1 convolution without an activation, and a share of its output added to the input."""

    def __init__(self, channels: int, branches: list[nn.Sequential], joined: int, scale: float, act: bool) -> None:
        super().__init__()
        self.branches, self.project = Branches(*branches), nn.Conv2d(joined, channels, 1)
        self.scale, self.act = scale, nn.ReLU() if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return self.act(x + self.scale * self.project(self.branches(x)))


def residual_35(scale: float) -> Scaled:
    """On maps of 35 by 35."""
    double = nn.Sequential(conv(320, 32), conv(32, 48, 3, padding=1), conv(48, 64, 3, padding=1))
    once = nn.Sequential(conv(320, 32), conv(32, 32, 3, padding=1))
    return Scaled(320, [conv(320, 32), once, double], 128, scale, act=True)


def residual(channels: int, widths: tuple[int, int, int], kernel: int, scale: float, act: bool = True) -> Scaled:
    """On maps of 17 by 17, with a kernel of 7, and of 8 by 8, with 3."""
    first, second, last = widths
    split = nn.Sequential(conv(channels, first), wide(first, second, kernel), tall(second, last, kernel))
    return Scaled(channels, [conv(channels, 192), split], 192 + last, scale, act)


class InceptionResNetV2(nn.Module):
    """Images (batch, 3, height, width), usually of 299 by 299 and from -1 to 1, to logits (batch, classes).

    Args:
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        first = [conv(3, 32, 3, 2), conv(32, 32, 3), conv(32, 64, 3, padding=1), nn.MaxPool2d(3, 2)]
        self.stem = nn.Sequential(*first, conv(64, 80), conv(80, 192, 3), nn.MaxPool2d(3, 2))
        five = nn.Sequential(conv(192, 48), conv(48, 64, 5, padding=2))
        double = nn.Sequential(conv(192, 64), conv(64, 96, 3, padding=1), conv(96, 96, 3, padding=1))
        self.widen = Branches(conv(192, 96), five, double, pooled(192, 64))
        self.blocks35 = nn.Sequential(*(residual_35(0.17) for _ in range(10)))
        double = nn.Sequential(conv(320, 256), conv(256, 256, 3, padding=1), conv(256, 384, 3, 2))
        self.halve = Branches(conv(320, 384, 3, 2), double, nn.MaxPool2d(3, 2))
        self.blocks17 = nn.Sequential(*(residual(1088, (128, 160, 192), 7, 0.1) for _ in range(20)))
        pairs = [nn.Sequential(conv(1088, 256), conv(256, out, 3, 2)) for out in (384, 288)]
        double = nn.Sequential(conv(1088, 256), conv(256, 288, 3, padding=1), conv(288, 320, 3, 2))
        self.halve_again = Branches(*pairs, double, nn.MaxPool2d(3, 2))
        last = residual(2080, (192, 224, 256), 3, 1.0, act=False)
        self.blocks8 = nn.Sequential(*(residual(2080, (192, 224, 256), 3, 0.2) for _ in range(9)), last)
        self.last = conv(2080, 1536)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(1536, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        counts = [sum(p.numel() for p in model.parameters()) for model in (InceptionV4(), InceptionResNetV2())]
    print(f"differences to timm's numbers of parameters: {counts[0] - 42_679_816}, {counts[1] - 55_843_464}")
