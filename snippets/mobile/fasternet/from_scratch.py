"""FasterNet: a 3 × 3 convolution on a quarter of the channels, then two pointwise ones on all.

Source: Chen et al., "Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks", 2023, section 3 and table 9
"""

import torch
from torch import Tensor, nn

SIZES = {  # channels of the first stage, blocks in the four stages, activation
    "t0": (40, (1, 2, 8, 2), nn.GELU),
    "t1": (64, (1, 2, 8, 2), nn.GELU),
    "t2": (96, (1, 2, 8, 2), nn.ReLU),
    "s": (128, (1, 2, 13, 2), nn.ReLU),
    "m": (144, (3, 4, 18, 3), nn.ReLU),
    "l": (192, (3, 4, 18, 3), nn.ReLU),
}


class PartialConv(nn.Module):
    """A 3 × 3 convolution among the first quarter of the channels; the others pass as they are."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.few = channels // 4
        self.conv = nn.Conv2d(self.few, self.few, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return torch.cat([self.conv(x[:, : self.few]), x[:, self.few :]], dim=1)


class Block(nn.Module):
    """Partial convolution, widen, normalize, activate, narrow; the input is added."""

    def __init__(self, channels: int, act: type[nn.Module]) -> None:
        super().__init__()
        wide = 2 * channels
        widen, narrow = nn.Conv2d(channels, wide, 1, bias=False), nn.Conv2d(wide, channels, 1, bias=False)
        self.mlp = nn.Sequential(widen, nn.BatchNorm2d(wide), act(), narrow)
        self.mix = PartialConv(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x + self.mlp(self.mix(x))


class FasterNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        size: t0, t1, t2, s, m or l.
        classes: of the last layer.
        channels: of the first stage; the size's where none are given.
        hidden: channels before the last layer.
    """

    def __init__(self, size: str = "t0", classes: int = 1000, channels: int = 0, hidden: int = 1280) -> None:
        super().__init__()
        width, depths, act = SIZES[size]
        width = channels or width
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, 4, bias=False), nn.BatchNorm2d(width))
        for place, depth in enumerate(depths, start=1):
            stage = nn.Sequential(*(Block(width, act) for _ in range(depth)))
            self.add_module(f"stage{place}", stage)
            if place < 4:
                merge = nn.Sequential(nn.Conv2d(width, 2 * width, 2, 2, bias=False), nn.BatchNorm2d(2 * width))
                self.add_module(f"merge{place}", merge)
                width *= 2
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(width, hidden, 1, bias=False), act(), nn.Flatten()]
        self.head = nn.Sequential(*pooled, nn.Linear(hidden, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"t0": 3_905_500, "t1": 7_595_368, "t2": 14_982_888, "s": 31_181_032, "m": 53_521_464, "l": 93_465_192}
    with torch.device("meta"):
        counts = {size: sum(p.numel() for p in FasterNet(size).parameters()) for size in published}
    print(f"parameters: {counts}")
    print(f"largest difference to timm's numbers: {max(abs(counts[s] - n) for s, n in published.items())}")
