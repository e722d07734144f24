"""An EfficientNet for images of about 32 by 32, with both of its scaling factors.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019
"""

import math

import torch
from torch import Tensor, nn

STAGES = [(1, 16, 1), (1, 24, 2), (2, 40, 2), (2, 80, 3), (1, 112, 3), (2, 192, 4)]  # stride, channels, blocks


class MBConv(nn.Module):
    """Widen six times, filter each channel by itself, weigh the channels, narrow; plus the input where shapes agree."""

    def __init__(self, channels: int, out: int, stride: int = 1, kernel: int = 3) -> None:
        super().__init__()
        wide, hidden = 6 * channels, max(1, channels // 4)
        self.widen = nn.Sequential(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU())
        depthwise = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        self.filter = nn.Sequential(depthwise, nn.BatchNorm2d(wide), nn.SiLU())
        reduce, expand = nn.Conv2d(wide, hidden, 1), nn.Conv2d(hidden, wide, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.SiLU(), expand, nn.Sigmoid())
        self.narrow = nn.Sequential(nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        y = self.filter(self.widen(x))
        y = self.narrow(y * self.gate(y))
        return x + y if self.shortcut else y


def efficientnet_for_small_images(classes: int, width: float = 1.0, depth: float = 1.0) -> nn.Sequential:
    """Stem without a stride, stages of MBConv, head; ``width`` multiplies channels, ``depth`` blocks."""
    channels = max(8, round(32 * width / 8) * 8)
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels), nn.SiLU()]
    for stride, base, blocks in STAGES:
        out = max(8, round(base * width / 8) * 8)
        for place in range(math.ceil(blocks * depth)):
            layers.append(MBConv(channels, out, 1 if place else stride))
            channels = out
    head = [nn.Conv2d(channels, 4 * channels, 1, bias=False), nn.BatchNorm2d(4 * channels), nn.SiLU()]
    return nn.Sequential(
        *layers, *head, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(4 * channels, classes)
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    for width, depth in ((1.0, 1.0), (1.1, 1.2)):
        model = efficientnet_for_small_images(classes=10, width=width, depth=depth)
        parameters = sum(p.numel() for p in model.parameters())
        print(f"width {width}, depth {depth}: {parameters:,} parameters, logits {tuple(model(x).shape)}")
    print(f"map before the mean: {tuple(model[:-4](x).shape[2:])}")
