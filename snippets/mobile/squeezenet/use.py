"""A fire module with batch normalization, in a small network for images of 32 by 32.

Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016,
section 3.2
"""

import torch
from torch import Tensor, nn


class Fire(nn.Module):
    """A 1×1 convolution to few channels; from these a 1×1 and a 3×3 convolution, joined and normalized.

    Args:
        channels: of the input.
        narrow: channels of the squeeze; the output has eight times as many.
    """

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(channels, narrow, 1, bias=False), nn.BatchNorm2d(narrow), nn.ReLU())
        self.expand1 = nn.Conv2d(narrow, 4 * narrow, 1, bias=False)
        self.expand3 = nn.Conv2d(narrow, 4 * narrow, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8 * narrow)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, 8 * narrow, height, width) out."""
        x = self.squeeze(x)
        return self.norm(torch.cat([self.expand1(x), self.expand3(x)], dim=1)).relu()


def small_network(classes: int) -> nn.Sequential:
    """Stem, four fire modules with two poolings, and a last 1×1 convolution without ReLU."""
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        Fire(64, 16),
        nn.MaxPool2d(2),
        Fire(128, 32),
        Fire(256, 32),
        nn.MaxPool2d(2),
        Fire(256, 48),
        nn.Conv2d(384, classes, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    model = small_network(classes=10)
    logits = model(torch.rand(2, 3, 32, 32))  # (batch, classes)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"logits: {tuple(logits.shape)}, some of them negative: {bool((logits < 0).any())}")
