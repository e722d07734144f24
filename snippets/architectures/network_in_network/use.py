"""Network in Network as one would build it today: batch normalization, and class maps without a ReLU.

Source: Lin et al., "Network In Network", 2013, sections 3.1 and 3.2
"""

import torch
from torch import Tensor, nn


def mlpconv(channels: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution and two 1×1 convolutions, each with batch normalization and ReLU.

    Args:
        channels: of the input.
        out: of each of the three.
        kernel: of the first, odd.
        stride: of the first.
    """
    layers: list[nn.Module] = []
    for size, step in ((kernel, stride), (1, 1), (1, 1)):
        layers += [nn.Conv2d(channels, out, size, step, size // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        channels = out
    return nn.Sequential(*layers)


class SmallNetwork(nn.Module):
    """Three such layers and a map for each class.

    Args:
        classes: of the output.
        width: channels.
    """

    def __init__(self, classes: int, width: int = 96) -> None:
        super().__init__()
        self.features = nn.Sequential(mlpconv(3, width), mlpconv(width, width, 3, 2), mlpconv(width, width, 3, 2))
        self.maps = nn.Conv2d(width, classes, 1)

    def class_maps(self, x: Tensor) -> Tensor:
        """Images (batch, 3, height, width) to maps (batch, classes, height / 4, width / 4): what speaks for a class."""
        return self.maps(self.features(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes): the means of the maps."""
        return self.class_maps(x).mean(dim=(2, 3))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = SmallNetwork(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"maps: {tuple(model.class_maps(x).shape)}, logits: {tuple(model(x).shape)}")
    print(f"logits of larger images: {tuple(model(torch.rand(2, 3, 48, 40)).shape)}")
