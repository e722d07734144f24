"""Network in Network for CIFAR-10, in the widths that its authors published.

Source: Lin et al., "Network In Network", 2013, section 3 and figure 2
"""

import torch
from torch import Tensor, nn


def mlpconv(channels: int, widths: tuple[int, int, int], kernel: int) -> nn.Sequential:
    """A convolution and two 1×1 convolutions, each with ReLU: a small network looks at each patch."""
    layers: list[nn.Module] = []
    for place, out in enumerate(widths):
        size = 1 if place else kernel
        layers += [nn.Conv2d(channels, out, size, padding=size // 2), nn.ReLU()]
        channels = out
    return nn.Sequential(*layers)


class NetworkInNetwork(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        classes: maps of the last layer, of each of which the mean is a logit.
        width: of the layers; 192 in the published network.
        dropout: between the three parts.
    """

    def __init__(self, classes: int = 10, width: int = 192, dropout: float = 0.5) -> None:
        super().__init__()
        half = width // 2
        first, second = nn.MaxPool2d(3, 2, ceil_mode=True), nn.AvgPool2d(3, 2, ceil_mode=True)
        self.part1 = nn.Sequential(mlpconv(3, (width, width - width // 6, half), 5), first, nn.Dropout(dropout))
        self.part2 = nn.Sequential(mlpconv(half, (width, width, width), 5), second, nn.Dropout(dropout))
        self.part3 = mlpconv(width, (width, width, classes), 3)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    torch.manual_seed(0)
    model = NetworkInNetwork().eval()
    print(f"difference to the published number of parameters: {sum(p.numel() for p in model.parameters()) - 966_986}")
    layer, x = mlpconv(3, (8, 6, 4), 5), torch.randn(1, 3, 9, 9)
    patches = nn.functional.unfold(x, 5, padding=2).transpose(1, 2)  # (batch, places, 75)
    with torch.no_grad():
        for part in layer:
            if isinstance(part, nn.Conv2d):
                patches = nn.functional.linear(patches, part.weight.flatten(1), part.bias)
            else:
                patches = part(patches)
        gap = (layer(x) - patches.transpose(1, 2).unflatten(2, (9, 9))).abs().max()
    print(f"largest difference to a small network on each patch: {gap:.0e}")
