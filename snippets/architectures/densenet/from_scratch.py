"""DenseNet-121 to DenseNet-201: each layer sees the outputs of all layers before it in its block.

Source: Huang et al., "Densely Connected Convolutional Networks", 2016, table 1 and section 3
"""

import torch
from torch import Tensor, nn

LAYERS = {121: [6, 12, 24, 16], 169: [6, 12, 32, 32], 201: [6, 12, 48, 32], 161: [6, 12, 36, 24]}


class DenseLayer(nn.Module):
    """Returns its input with ``growth`` new channels behind it.

    Args:
        channels: of the input.
        growth: new channels; a 1×1 convolution first reduces the input to four times as many.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels + growth, height, width) out."""
        return torch.cat([x, self.branch(x)], dim=1)


def transition(channels: int) -> nn.Sequential:
    """Half the channels, half the height and width."""
    conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), conv, nn.AvgPool2d(2))


class DenseNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 121, 169, 201, or 161, which has a growth of 48.
        growth: new channels of a layer, 32.
        classes: of the last layer.
    """

    def __init__(self, depth: int = 121, growth: int = 32, classes: int = 1000) -> None:
        super().__init__()
        channels = 2 * growth
        stem = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        for place, layers in enumerate(LAYERS[depth], 1):
            made = [DenseLayer(channels + growth * layer, growth) for layer in range(layers)]
            self.add_module(f"block{place}", nn.Sequential(*made))
            channels += growth * layers
            if place < len(LAYERS[depth]):
                self.add_module(f"transition{place}", transition(channels))
                channels //= 2
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {(121, 32): 7_978_856, (169, 32): 14_149_480, (201, 32): 20_013_928, (161, 48): 28_681_000}
    with torch.device("meta"):
        counts = {key: sum(p.numel() for p in DenseNet(*key).parameters()) for key in published}
    print(f"difference to torchvision's number of parameters: {max(abs(counts[k] - n) for k, n in published.items())}")
