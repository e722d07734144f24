"""The ghost module in the place of a convolution, and a small network with it for images of 32 by 32.

Source: Han et al., "GhostNet: More Features from Cheap Operations", 2019, section 3.1
"""

import math

import torch
from torch import Tensor, nn


class GhostConv(nn.Module):
    """Convolution, batch normalization and ReLU, in which depthwise convolutions make most or half of the channels.

    Args:
        channels: of the input.
        out: of the output; a multiple of ``ratio``, or some channels are made in vain.
        kernel: of the convolution, odd.
        stride: of the convolution.
        ratio: channels for each one that the convolution makes itself, 2 or more.
    """

    def __init__(self, channels: int, out: int, kernel: int = 1, stride: int = 1, ratio: int = 2) -> None:
        super().__init__()
        own, self.out = math.ceil(out / ratio), out
        self.first = nn.Sequential(
            nn.Conv2d(channels, own, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(own), nn.ReLU()
        )
        cheap = own * (ratio - 1)
        self.ghosts = nn.Sequential(
            nn.Conv2d(own, cheap, 3, 1, 1, groups=own, bias=False), nn.BatchNorm2d(cheap), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        y = self.first(x)
        return torch.cat([y, self.ghosts(y)], dim=1)[:, : self.out]


def ordinary(channels: int, out: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
    """The same with all channels from the convolution."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU())


def small_network(classes: int, ghosts: bool = True, width: int = 64) -> nn.Sequential:
    """An ordinary stem, six 3×3 layers, two of them with stride 2, and a head; a map of 8 by 8 before the mean."""
    make = GhostConv if ghosts else ordinary
    widths = [width, width, 2 * width, 2 * width, 4 * width, 4 * width]
    layers: list[nn.Module] = [ordinary(3, width, 3)]
    for place, (before, after) in enumerate(zip([width, *widths], widths, strict=False)):
        layers.append(make(before, after, 3, 2 if place in (2, 4) else 1))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    for name, ghosts in {"ghost modules": True, "convolutions": False}.items():
        model = small_network(classes=10, ghosts=ghosts)
        count = sum(p.numel() for p in model.parameters())
        print(f"{name}: {count:,} parameters, map {tuple(model[:-3](x).shape[2:])}, logits {tuple(model(x).shape)}")
