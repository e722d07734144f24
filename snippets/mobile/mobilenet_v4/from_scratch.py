"""MobileNetV4, Conv-Small and Conv-Medium.

Source: Qin et al., "MobileNetV4: Universal Models for the Mobile Ecosystem", 2024, section 3 and the appendix
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# (kernel, stride, channels) is a convolution, (kernel, stride, factor, channels) a fused bottleneck and
# (kernel at the start, kernel in the middle, stride, factor, channels) a universal one; a kernel of 0: no such layer.
STAGES: dict[str, list[Sequence[tuple[int, ...]]]] = {
    "small": [
        [(3, 2, 32), (1, 1, 32)],
        [(3, 2, 96), (1, 1, 64)],
        [(5, 5, 2, 3, 96)] + 4 * [(0, 3, 1, 2, 96)] + [(3, 0, 1, 4, 96)],
        [(3, 3, 2, 6, 128), (5, 5, 1, 4, 128), (0, 5, 1, 4, 128), (0, 5, 1, 3, 128)] + 2 * [(0, 3, 1, 4, 128)],
    ],
    "medium": [
        [(3, 2, 4, 48)],
        [(3, 5, 2, 4, 80), (3, 3, 1, 2, 80)],
        [(3, 5, 2, 6, 160), (3, 3, 1, 4, 160), (3, 3, 1, 4, 160), (3, 5, 1, 4, 160),
         (3, 3, 1, 4, 160), (3, 0, 1, 4, 160), (0, 0, 1, 2, 160), (3, 0, 1, 4, 160)],
        [(5, 5, 2, 6, 256), (5, 5, 1, 4, 256), (3, 5, 1, 4, 256), (3, 5, 1, 4, 256),
         (0, 0, 1, 4, 256), (3, 0, 1, 4, 256), (3, 5, 1, 2, 256), (5, 5, 1, 4, 256),
         (0, 0, 1, 4, 256), (0, 0, 1, 4, 256), (5, 0, 1, 2, 256)],
    ],
}  # fmt: skip


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1, act: bool = True) -> list[nn.Module]:
    """Convolution without a bias, batch normalization and, unless told otherwise, ReLU."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(out), *([nn.ReLU()] if act else [])]


class Bottleneck(nn.Module):
    """Layers that widen and narrow again; the input is added where shapes allow.

    Args:
        channels: of the input.
        start: kernel of a depthwise convolution before it widens, 0 for none; None where one convolution widens.
        middle: kernel between widening and narrowing, 0 for none.
        stride: of the middle convolution; 1 where there is none.
        factor: by which it widens.
        out: channels of the output.
    """

    def __init__(self, channels: int, start: int | None, middle: int, stride: int, factor: int, out: int) -> None:
        super().__init__()
        wide = factor * channels
        if start is None:
            layers = conv(channels, wide, middle, stride)
        else:
            first = conv(channels, channels, start, groups=channels, act=False) if start else []
            filtered = conv(wide, wide, middle, stride, groups=wide) if middle else []
            layers = [*first, *conv(channels, wide, 1), *filtered]
        self.branch = nn.Sequential(*layers, *conv(wide, out, 1, act=False))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class MobileNetV4(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        size: small or medium.
        width: factor for the channels of all layers.
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, size: str = "small", width: float = 1.0, classes: int = 1000, dropout: float = 0.3) -> None:
        super().__init__()
        channels = int(32 * width)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2))
        for place, rows in enumerate(STAGES[size]):
            stage = nn.Sequential()
            for row in rows:
                out = int(row[-1] * width)
                if len(row) == 3:
                    stage.extend(conv(channels, out, row[0], row[1]))
                else:
                    middle, stride, factor = row[-4:-1]
                    stage.append(Bottleneck(channels, row[0] if len(row) == 5 else None, middle, stride, factor, out))
                channels = out
            self.add_module(f"stage{place + 1}", stage)
        last, hidden = int(960 * width), int(1280 * width)
        self.last = nn.Sequential(*conv(channels, last, 1), nn.AdaptiveAvgPool2d(1))
        linear = [nn.Flatten(), nn.Dropout(dropout), nn.Linear(hidden, classes)]
        self.head = nn.Sequential(*conv(last, hidden, 1), *linear)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"small": 3_774_024, "medium": 9_715_512}  # timm's counts
    with torch.device("meta"):
        counts = {size: sum(p.numel() for p in MobileNetV4(size).parameters()) for size in published}
    print(f"parameters: {counts}")
    print(f"largest difference to the published number: {max(abs(counts[s] - n) for s, n in published.items())}")
