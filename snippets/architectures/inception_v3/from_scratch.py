"""Inception v3 without its auxiliary head, as torchvision and timm have it.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, table 1, figures 5, 6, 7, 10
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
    """Mean of 3×3 pixels, and a 1×1 convolution."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), conv(channels, out))


def two_small(c: int, pool: int) -> Branches:
    """Figure 5: two 3×3 convolutions in place of a 5×5 in one branch; torchvision keeps a 5×5 in another."""
    five = nn.Sequential(conv(c, 48), conv(48, 64, 5, padding=2))
    double = nn.Sequential(conv(c, 64), conv(64, 96, 3, padding=1), conv(96, 96, 3, padding=1))
    return Branches(conv(c, 64), five, double, pooled(c, pool))


def factorized(c: int, n: int) -> Branches:
    """Figure 6: 1×7 and 7×1 in place of 7×7; ``n`` channels within."""
    once = nn.Sequential(conv(c, n), wide(n, n, 7), tall(n, 192, 7))
    twice = nn.Sequential(conv(c, n), tall(n, n, 7), wide(n, n, 7), tall(n, n, 7), wide(n, 192, 7))
    return Branches(conv(c, 192), once, twice, pooled(c, 192))


def expanded(c: int) -> Branches:
    """Figure 7: 1×3 and 3×1 side by side."""
    once = nn.Sequential(conv(c, 384), Branches(wide(384, 384, 3), tall(384, 384, 3)))
    both = Branches(wide(384, 384, 3), tall(384, 384, 3))
    return Branches(conv(c, 320), once, nn.Sequential(conv(c, 448), conv(448, 384, 3, padding=1), both), pooled(c, 192))


def halve(c: int) -> Branches:
    """Figure 10: convolutions with stride 2 beside a max-pooling with stride 2."""
    double = nn.Sequential(conv(c, 64), conv(64, 96, 3, padding=1), conv(96, 96, 3, 2))
    return Branches(conv(c, 384, 3, 2), double, nn.MaxPool2d(3, 2))


def halve_again(c: int) -> Branches:
    """The same before the last blocks, with a factorized branch."""
    seven = nn.Sequential(conv(c, 192), wide(192, 192, 7), tall(192, 192, 7), conv(192, 192, 3, 2))
    return Branches(nn.Sequential(conv(c, 192), conv(192, 320, 3, 2)), seven, nn.MaxPool2d(3, 2))


class InceptionV3(nn.Module):
    """Images (batch, 3, height, width), usually of 299 by 299 and from -1 to 1, to logits (batch, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        first = [conv(3, 32, 3, 2), conv(32, 32, 3), conv(32, 64, 3, padding=1), nn.MaxPool2d(3, 2)]
        self.stem = nn.Sequential(*first, conv(64, 80), conv(80, 192, 3), nn.MaxPool2d(3, 2))
        self.blocks35 = nn.Sequential(two_small(192, 32), two_small(256, 64), two_small(288, 64))
        self.halve = halve(288)
        self.blocks17 = nn.Sequential(*(factorized(768, n) for n in (128, 160, 160, 192)))
        self.halve_again = halve_again(768)
        self.blocks8 = nn.Sequential(expanded(1280), expanded(2048))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(2048, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        count = sum(p.numel() for p in InceptionV3().parameters())
    print(f"difference to torchvision's number of parameters: {count - 23_834_568}")
