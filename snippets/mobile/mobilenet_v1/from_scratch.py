"""MobileNet, the first, of any width.

Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
table 1
"""

import torch
from torch import Tensor, nn

STAGES = [(64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2)]  # channels, blocks, stride of the first


class Separable(nn.Sequential):
    """A 3×3 convolution of each channel by itself, then a 1×1 convolution that mixes channels; ReLU6 after both.

    Args:
        channels: of the input.
        out: of the output.
        stride: of the 3×3 convolution.
    """

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU6(),
            nn.Conv2d(channels, out, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU6(),
        )


class MobileNetV1(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        width: factor for the channels of all layers.
        classes: of the last layer.
    """

    def __init__(self, width: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        channels = int(32 * width)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU6())
        for place, (base, blocks, stride) in enumerate(STAGES):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(Separable(channels, int(base * width), 1 if block else stride))
                channels = int(base * width)
            self.add_module(f"stage{place + 1}", stage)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        counts = {width: sum(p.numel() for p in MobileNetV1(width).parameters()) for width in (1.0, 0.5, 0.25)}
    for width, count in counts.items():
        print(f"parameters at width {width:.2f}: {count:,}")
