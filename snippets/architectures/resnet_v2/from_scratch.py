"""ResNetV2: pre-activation residual networks with 50 to 152 layers, as timm has them.

Source: He et al., "Identity Mappings in Deep Residual Networks", 2016, figure 4e; the stride in the 3×3 as in timm
"""

import torch
from torch import Tensor, nn

LAYERS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


class PreActBlock(nn.Module):
    """x + branch(x), and nothing after the sum; normalization and ReLU come before each convolution.

    Args:
        channels: of the input.
        width: of the 3×3 convolution; the output has four times as many channels.
        stride: of the block.
    """

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        out = 4 * width
        same = stride == 1 and channels == out
        self.project = None if same else nn.Conv2d(channels, out, 1, stride, bias=False)
        self.before = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.branch = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, out, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, 4 * width, height / stride, width / stride) out, rounded up."""
        activated = self.before(x)
        shortcut = x if self.project is None else self.project(activated)
        return shortcut + self.branch(activated)


class ResNetV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 50, 101 or 152 layers.
        classes: of the last layer.
        width: of the first stage, 64; each later stage has twice as many.
    """

    def __init__(self, depth: int = 50, classes: int = 1000, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1))
        channels = width
        for stage, blocks in enumerate(LAYERS[depth]):
            made = []
            for place in range(blocks):
                made.append(PreActBlock(channels, width << stage, 2 if stage and not place else 1))
                channels = 4 * width << stage
            self.add_module(f"stage{stage + 1}", nn.Sequential(*made))
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())  # no block has activated the last sum
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        count = sum(p.numel() for p in ResNetV2(50).parameters())
    print(f"difference to timm's number of parameters of resnetv2_50: {count - 25_549_352}")
