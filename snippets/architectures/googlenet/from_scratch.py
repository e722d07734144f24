"""GoogLeNet with batch normalization and without its auxiliary heads, as torchvision has it.

Source: Szegedy et al., "Going Deeper with Convolutions", 2014, table 1 and figure 2b
"""

import torch
from torch import Tensor, nn

BLOCKS = {  # 1×1; reduction and 3×3; reduction and 5×5; behind the pooling
    "inception3": [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)],
    "inception4": [
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ],
    "inception5": [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)],
}


def conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution that keeps the map's size at stride 1, batch normalization, ReLU."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out, eps=1e-3), nn.ReLU())


class Inception(nn.Module):
    """Four branches side by side, whose outputs are concatenated.

    Args:
        channels: of the input.
        widths: outputs of 1×1; of reduction and 3×3; of reduction and third branch; behind the pooling.
        kernel: of the third branch: 5 in the paper, 3 in torchvision.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], kernel: int = 3) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, pooled = widths
        self.point = conv(channels, one, 1)
        self.middle = nn.Sequential(conv(channels, reduce3, 1), conv(reduce3, three, 3))
        self.wide = nn.Sequential(conv(channels, reduce5, 1), conv(reduce5, five, kernel))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(channels, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, sum of the four outputs, height, width) out."""
        return torch.cat([self.point(x), self.middle(x), self.wide(x), self.pool(x)], dim=1)


class GoogLeNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        classes: of the last layer.
        kernel: of the third branch: 5 in the paper, 3 in torchvision.
    """

    def __init__(self, classes: int = 1000, kernel: int = 3) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.stem = nn.Sequential(conv(3, 64, 7, 2), pool, conv(64, 64, 1), conv(64, 192, 3), pool)
        channels = 192
        for name, blocks in BLOCKS.items():
            made: list[nn.Module] = []
            for widths in blocks:
                made.append(Inception(channels, widths, kernel))
                channels = widths[0] + widths[2] + widths[4] + widths[5]
            if name != "inception5":
                made.append(nn.MaxPool2d(3 if name == "inception3" else 2, 2, ceil_mode=True))
            self.add_module(name, nn.Sequential(*made))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    with torch.device("meta"):
        count = sum(p.numel() for p in GoogLeNet().parameters())
        papers = sum(p.numel() for p in GoogLeNet(kernel=5).parameters())
    print(f"difference to torchvision's number of parameters: {count - 6_624_904}")
    print(f"with the paper's 5×5 convolutions: {papers:,}")
