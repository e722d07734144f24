"""ShuffleNet V2 of the four published widths.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018,
table 5 and figure 3
"""

import torch
from torch import Tensor, nn

CHANNELS = {  # width -> channels of the three stages and of the last convolution
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


def mix(channels: int, out: int) -> list[nn.Module]:
    """1×1 convolution, batch normalization, ReLU."""
    return [nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]


def spread(channels: int, stride: int) -> list[nn.Module]:
    """3×3 convolution of each channel by itself, batch normalization, no activation."""
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


class Unit(nn.Module):
    """Half of the channels pass as they are, the other half through three convolutions; then all are shuffled.

    With a stride of 2 both branches get all channels, and the number of channels changes.

    Args:
        channels: of the input.
        out: of the output; without a stride as many as the input's.
        stride: 1 or 2.
    """

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        half, self.stride = out // 2, stride
        left = [*spread(channels, stride), *mix(channels, half)] if stride > 1 else []
        self.left = nn.Sequential(*left)
        enter = channels if stride > 1 else half
        self.right = nn.Sequential(*mix(enter, half), *spread(half, stride), *mix(half, half))
        self.shuffle = nn.ChannelShuffle(2)  # deals them out: first of each half, second of each half, and so on

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        left, right = (x, x) if self.stride > 1 else x.chunk(2, dim=1)
        return self.shuffle(torch.cat([self.left(left), self.right(right)], dim=1))


class ShuffleNetV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        channels: of the three stages and of the last convolution; by default those of width 1.
        classes: of the last layer.
    """

    def __init__(self, channels: tuple[int, int, int, int] = CHANNELS[1.0], classes: int = 1000) -> None:
        super().__init__()
        stem = [nn.Conv2d(3, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        self.stem = nn.Sequential(*stem)
        before = 24
        for place, (out, units) in enumerate(zip(channels, (4, 8, 4), strict=False)):
            self.add_module(
                f"stage{place + 1}",
                nn.Sequential(Unit(before, out, 2), *(Unit(out, out, 1) for _ in range(units - 1))),
            )
            before = out
        self.last = nn.Sequential(*mix(before, channels[-1]))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {0.5: 1_366_792, 1.0: 2_278_604, 1.5: 3_503_624, 2.0: 7_393_996}  # torchvision's counts
    with torch.device("meta"):
        counts = {width: sum(p.numel() for p in ShuffleNetV2(c).parameters()) for width, c in CHANNELS.items()}
    print(f"parameters at width 1: {counts[1.0]:,}")
    print(f"largest difference to the published number: {max(abs(counts[w] - n) for w, n in published.items())}")
