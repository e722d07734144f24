"""MnasNet-B1 and MnasNet-A1, of any width.

Source: Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", 2018, figure 7
"""

import torch
from torch import Tensor, nn

STAGES = {  # kernel, factor, channels, blocks, stride of the first, squeeze
    "b1": [
        (3, 1, 16, 1, 1, False),
        (3, 3, 24, 3, 2, False),
        (5, 3, 40, 3, 2, False),
        (5, 6, 80, 3, 2, False),
        (3, 6, 96, 2, 1, False),
        (5, 6, 192, 4, 2, False),
        (3, 6, 320, 1, 1, False),
    ],
    "a1": [
        (3, 1, 16, 1, 1, False),
        (3, 6, 24, 2, 2, False),
        (5, 3, 40, 3, 2, True),
        (3, 6, 80, 4, 2, False),
        (3, 6, 112, 2, 1, True),
        (5, 6, 160, 3, 2, True),
        (3, 6, 320, 1, 1, False),
    ],
}


def rounded(channels: float) -> int:
    """The nearest multiple of 8; the next one above where that would lose more than 10%."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


class Squeeze(nn.Module):
    """Multiplies each channel by a number from 0 to 1 that two small layers compute from the means of all channels."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        first, second = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), first, nn.ReLU(), second, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.scale(x)


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, weight the channels where asked, narrow without an activation.

    Args:
        channels: of the input.
        out: of the output.
        kernel: of the depthwise convolution.
        factor: how many times wider it is inside; 1 leaves the first convolution out.
        stride: of the depthwise convolution.
        squeeze: whether channels are weighted, by a quarter as many hidden ones as the input has.
        momentum: of batch normalization.
    """

    def __init__(
        self, channels: int, out: int, kernel: int, factor: int, stride: int, squeeze: bool, momentum: float
    ) -> None:
        super().__init__()
        wide = factor * channels
        depthwise = nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False)
        widen = [nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide, momentum=momentum), nn.ReLU()]
        weighted = [Squeeze(wide, round(channels / 4))] if squeeze else []
        self.branch = nn.Sequential(
            *(widen if factor > 1 else []),
            *(depthwise, nn.BatchNorm2d(wide, momentum=momentum), nn.ReLU(), *weighted),
            *(nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out, momentum=momentum)),
        )
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class MnasNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        name: b1, or a1, which has squeezes.
        width: factor for the channels of all layers but the last hidden one, which has 1,280.
        classes: of the last layer.
        dropout: before the last layer.
        momentum: of batch normalization, in torch's meaning; torchvision's, 0.0003, is far below torch's default.
    """

    def __init__(
        self, name: str = "b1", width: float = 1.0, classes: int = 1000, dropout: float = 0.2, momentum: float = 0.0003
    ) -> None:
        super().__init__()
        channels = rounded(32 * width)
        first = nn.Conv2d(3, channels, 3, 2, 1, bias=False)
        self.stem = nn.Sequential(first, nn.BatchNorm2d(channels, momentum=momentum), nn.ReLU())
        for place, (kernel, factor, base, blocks, stride, squeeze) in enumerate(STAGES[name]):
            stage, out = nn.Sequential(), rounded(base * width)
            for block in range(blocks):
                step = 1 if block else stride
                stage.append(InvertedResidual(channels, out, kernel, factor, step, squeeze, momentum))
                channels = out
            self.add_module(f"stage{place + 1}", stage)
        last = nn.Conv2d(channels, 1280, 1, bias=False)
        self.last = nn.Sequential(last, nn.BatchNorm2d(1280, momentum=momentum), nn.ReLU())
        linear = [nn.Dropout(dropout), nn.Linear(1280, classes)]
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *linear)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"b1": 4_383_312, "a1": 3_887_038}  # torchvision's count and timm's
    with torch.device("meta"):
        counts = {name: sum(p.numel() for p in MnasNet(name).parameters()) for name in published}
    print(f"parameters: {counts}")
    print(f"largest difference to the published number: {max(abs(counts[n] - m) for n, m in published.items())}")
