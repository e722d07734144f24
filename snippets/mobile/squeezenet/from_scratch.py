"""SqueezeNet 1.0 and 1.1.

Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016,
table 1
"""

import torch
from torch import Tensor, nn

STAGES = {  # version -> channels of the squeeze in each fire module; their outputs are eight times as many
    "1.0": [[16, 16, 32], [32, 48, 48, 64], [64]],
    "1.1": [[16, 16], [32, 32], [48, 48, 64, 64]],
}


class Fire(nn.Module):
    """A 1×1 convolution to few channels; from these a 1×1 and a 3×3 convolution, joined. ReLU after each.

    Args:
        channels: of the input.
        narrow: channels of the squeeze.
        each: channels of each of the two outputs.
    """

    def __init__(self, channels: int, narrow: int, each: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(channels, narrow, 1), nn.ReLU())
        self.expand1 = nn.Conv2d(narrow, each, 1)
        self.expand3 = nn.Conv2d(narrow, each, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, 2 * each, height, width) out."""
        x = self.squeeze(x)
        return self.relu(torch.cat([self.expand1(x), self.expand3(x)], dim=1))


class SqueezeNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes), none of them negative.

    Args:
        version: 1.0 as in the paper, or 1.1 with less than half of the work.
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, version: str = "1.0", classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        channels, kernel = (96, 7) if version == "1.0" else (64, 3)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, kernel, 2), nn.ReLU())
        for place, narrow in enumerate(STAGES[version]):
            stage = nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True))
            for each in narrow:
                stage.append(Fire(channels, each, 4 * each))
                channels = 8 * each
            self.add_module(f"stage{place + 1}", stage)
        last = [nn.Dropout(dropout), nn.Conv2d(channels, classes, 1), nn.ReLU()]
        self.head = nn.Sequential(*last, nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"1.0": 1_248_424, "1.1": 1_235_496}  # torchvision's counts
    with torch.device("meta"):
        counts = {version: sum(p.numel() for p in SqueezeNet(version).parameters()) for version in published}
    print(f"parameters: {counts}")
    print(f"largest difference to the published number: {max(abs(counts[v] - n) for v, n in published.items())}")
