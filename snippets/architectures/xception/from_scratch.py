"""Xception, as timm has it (``legacy_xception``).

Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2016, section 3 and figure 5
"""

from itertools import pairwise

import torch
from torch import Tensor, nn


def separable(channels: int, out: int) -> list[nn.Module]:
    """A 3×3 filter for each channel, then a 1×1 convolution; no activation between them, normalization after them."""
    depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
    return [depthwise, nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out)]


class Block(nn.Module):
    """Two or three times ReLU and a separable convolution, beside a shortcut.

    Args:
        widths: channels of the input and of each separable convolution's output.
        stride: 2 halves height and width, by a maximum over 3×3 places at the end.
    """

    def __init__(self, widths: tuple[int, ...], stride: int = 1) -> None:
        super().__init__()
        self.shortcut = nn.Sequential()
        if stride > 1 or widths[0] != widths[-1]:
            match = nn.Conv2d(widths[0], widths[-1], 1, stride, bias=False)
            self.shortcut = nn.Sequential(match, nn.BatchNorm2d(widths[-1]))
        layers = [layer for channels, out in pairwise(widths) for layer in (nn.ReLU(), *separable(channels, out))]
        pool = [nn.MaxPool2d(3, stride, 1)] if stride > 1 else []
        self.branch = nn.Sequential(*layers, *pool)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return self.shortcut(x) + self.branch(x)


class Xception(nn.Module):
    """Images (batch, 3, height, width), in the paper 299 by 299, to logits (batch, classes).

    Args:
        width: channels of the first convolution; all others in proportion to their published numbers.
        middle: blocks of the middle flow.
        classes: of the last layer.
    """

    def __init__(self, width: int = 32, middle: int = 8, classes: int = 1000) -> None:
        super().__init__()
        c32, c64, c128, c256, c728 = (width * n // 32 for n in (32, 64, 128, 256, 728))
        c1024, c1536, c2048 = (width * n // 32 for n in (1024, 1536, 2048))
        first, second = nn.Conv2d(3, c32, 3, 2, bias=False), nn.Conv2d(c32, c64, 3, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(c32), nn.ReLU(), second, nn.BatchNorm2d(c64), nn.ReLU())
        entry = [Block((c64, c128, c128), 2), Block((c128, c256, c256), 2), Block((c256, c728, c728), 2)]
        self.entry = nn.Sequential(*entry)
        self.middle = nn.Sequential(*(Block((c728, c728, c728, c728)) for _ in range(middle)))
        last = [*separable(c1024, c1536), nn.ReLU(), *separable(c1536, c2048), nn.ReLU()]
        self.exit = nn.Sequential(Block((c728, c728, c1024), 2), *last)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c2048, classes))
        for parameter in self.parameters():
            if parameter.dim() == 4:  # fan_out would not know of the groups
                nn.init.kaiming_normal_(parameter, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        count = sum(p.numel() for p in Xception().parameters())
    print(f"difference to the paper's number of parameters: {abs(count - 22_855_952)}")
