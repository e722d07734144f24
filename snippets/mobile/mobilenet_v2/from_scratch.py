"""MobileNetV2 of any width.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, tables 1 and 2
"""

import torch
from torch import Tensor, nn

STAGES = [  # expansion, channels, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def rounded(channels: float) -> int:
    """The nearest multiple of 8; the next one above where that would lose more than 10%."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class InvertedResidual(nn.Module):
    """Widen by a 1×1 convolution, filter each channel by itself, narrow again; the shortcut joins the narrow ends.

    Args:
        channels: of the input.
        out: of the output.
        stride: of the 3×3 depthwise convolution.
        expansion: how many times wider it is inside than at its input; 1 leaves the first convolution out.
    """

    def __init__(self, channels: int, out: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = channels * expansion
        widen = [*conv(channels, wide, 1), nn.ReLU6()] if expansion > 1 else []
        filtered = [*conv(wide, wide, 3, stride, groups=wide), nn.ReLU6()]
        self.branch = nn.Sequential(*widen, *filtered, *conv(wide, out, 1))  # no activation at the narrow end
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class MobileNetV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        width: factor for the channels of all layers; below 1 the last convolution keeps its 1,280.
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, width: float = 1.0, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        channels, last = rounded(32 * width), rounded(1280 * max(1.0, width))
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.ReLU6())
        for place, (expansion, base, blocks, stride) in enumerate(STAGES):
            stage = nn.Sequential()
            for block in range(blocks):
                stage.append(InvertedResidual(channels, rounded(base * width), 1 if block else stride, expansion))
                channels = rounded(base * width)
            self.add_module(f"stage{place + 1}", stage)
        self.last = nn.Sequential(*conv(channels, last, 1), nn.ReLU6())
        linear = nn.Linear(last, classes)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), linear)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
        nn.init.normal_(linear.weight, 0, 0.01)
        nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        counts = {width: sum(p.numel() for p in MobileNetV2(width).parameters()) for width in (1.0, 1.4)}
    print(f"parameters at width 1.0: {counts[1.0]:,}, of them published: 3,504,872")
    print(f"parameters at width 1.4: {counts[1.4]:,}")
