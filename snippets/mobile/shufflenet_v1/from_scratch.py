"""ShuffleNet, the first, with 3 or 8 groups and of any published width.

Source: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017,
table 1 and figure 2
"""

import torch
from torch import Tensor, nn

FIRST = {3: 240, 8: 384}  # groups -> channels of the first stage; each later stage has twice as many


class Unit(nn.Module):
    """Grouped 1×1 convolution, shuffle, 3×3 convolution of each channel, grouped 1×1 convolution, and a shortcut.

    With a stride of 2 the shortcut is an average of the input, which is joined and not added.

    Args:
        channels: of the input.
        out: of the output.
        groups: of the 1×1 convolutions.
        stride: 1 or 2.
        whole: the first convolution has no groups.
    """

    def __init__(self, channels: int, out: int, groups: int, stride: int, whole: bool = False) -> None:
        super().__init__()
        inside, added = out // 4, out - channels if stride > 1 else out
        self.branch = nn.Sequential(
            nn.Conv2d(channels, inside, 1, groups=1 if whole else groups, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU(),
            nn.ChannelShuffle(groups),
            nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False),
            nn.BatchNorm2d(inside),
            nn.Conv2d(inside, added, 1, groups=groups, bias=False),
            nn.BatchNorm2d(added),
        )
        self.stride, self.mean, self.relu = stride, nn.AvgPool2d(3, 2, 1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        if self.stride > 1:
            return self.relu(torch.cat([self.mean(x), self.branch(x)], dim=1))
        return self.relu(x + self.branch(x))


class ShuffleNetV1(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        groups: of the 1×1 convolutions, 3 or 8.
        width: factor for the channels of the stages.
        classes: of the last layer.
        channels: of the first convolution.
    """

    def __init__(self, groups: int = 3, width: float = 1.0, classes: int = 1000, channels: int = 24) -> None:
        super().__init__()
        stem = [nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        self.stem = nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1))
        for place, units in enumerate((4, 8, 4)):
            out = int(FIRST[groups] * width) << place
            first = Unit(channels, out, groups, 2, whole=place == 0)
            self.add_module(
                f"stage{place + 1}", nn.Sequential(first, *(Unit(out, out, groups, 1) for _ in range(units - 1)))
            )
            channels = out
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    for groups in FIRST:
        with torch.device("meta"):
            model = ShuffleNetV1(groups)
        print(f"{groups} groups: {sum(p.numel() for p in model.parameters()) / 1e6:.1f} million parameters")
