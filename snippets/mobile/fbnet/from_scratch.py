"""FBNet-C: MobileNetV2's blocks, each with the kernel and the expansion that a search chose.

Source: Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", 2018,
table 1 and figure 4
"""

import torch
from torch import Tensor, nn

STAGES = [  # channels, stride of the first block; kernel and expansion of each block
    (16, 1, [(3, 1)]),
    (24, 2, [(3, 6), (3, 1), (3, 1)]),
    (32, 2, [(5, 6), (5, 3), (5, 6), (3, 6)]),
    (64, 2, [(5, 6), (5, 3), (5, 6), (5, 6)]),
    (112, 1, [(5, 6), (5, 6), (5, 6), (5, 3)]),
    (184, 2, [(5, 6), (5, 6), (5, 6), (5, 6)]),
    (352, 1, [(3, 6)]),
]


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class Block(nn.Module):
    """Widen by a 1×1 convolution, filter each channel by itself, narrow again without an activation.

    Args:
        channels: of the input.
        out: of the output.
        kernel: of the depthwise convolution.
        expansion: how many times wider it is inside; at 1 the first convolution stays.
        stride: of the depthwise convolution.
    """

    def __init__(self, channels: int, out: int, kernel: int, expansion: int, stride: int = 1) -> None:
        super().__init__()
        wide = channels * expansion
        widen, filtered = conv(channels, wide, 1), conv(wide, wide, kernel, stride, groups=wide)
        self.branch = nn.Sequential(*widen, nn.ReLU(), *filtered, nn.ReLU(), *conv(wide, out, 1))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class FBNetC(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        classes: of the last layer.
        width: factor for the channels of all layers but the last convolution.
    """

    def __init__(self, classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        channels = int(16 * width)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.ReLU())
        for place, (base, stride, blocks) in enumerate(STAGES):
            stage, out = nn.Sequential(), int(base * width)
            for kernel, expansion in blocks:
                stage.append(Block(channels, out, kernel, expansion, 1 if len(stage) else stride))
                channels = out
            self.add_module(f"stage{place + 1}", stage)
        self.last = nn.Sequential(*conv(channels, 1984, 1), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1984, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        model = FBNetC()
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}, in timm: 5,572,200")
    print(f"blocks: {sum(len(blocks) for *_, blocks in STAGES)}")
