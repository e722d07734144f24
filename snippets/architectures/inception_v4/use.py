"""The block of Inception-ResNet-v2 whose residual is scaled down, and a small network of them for images of 32 by 32.

Source: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", 2016,
sections 3.2 and 3.3, figures 16, 17 and 19
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

Kernel = int | tuple[int, int]


def conv(channels: int, out: int, kernel: Kernel = 1) -> nn.Sequential:
    """Convolution that keeps the map's size, batch normalization, ReLU."""
    sides = (kernel, kernel) if isinstance(kernel, int) else kernel
    layer = nn.Conv2d(channels, out, sides, padding=(sides[0] // 2, sides[1] // 2), bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out, eps=1e-3), nn.ReLU())


class ScaledInception(nn.Module):
    """Branches side by side, a 1×1 convolution without an activation, and a share of its output added to the input.

    Args:
        channels: of input and output.
        branches: for each one its layers, each as kernel and channels.
        scale: the share, 0.1 to 0.3 in the paper.
        act: whether ReLU follows.
    """

    def __init__(
        self, channels: int, branches: Sequence[Sequence[tuple[Kernel, int]]], scale: float = 0.2, act: bool = True
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList()
        for layers in branches:
            parts, before = nn.Sequential(), channels
            for kernel, out in layers:
                parts.append(conv(before, out, kernel))
                before = out
            self.branches.append(parts)
        self.project = nn.Conv2d(sum(layers[-1][1] for layers in branches), channels, 1)
        self.scale, self.act = scale, nn.ReLU() if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        joined = torch.cat([branch(x) for branch in self.branches], dim=1)
        return self.act(x + self.scale * self.project(joined))


def block35(channels: int = 320, width: int = 32, scale: float = 0.17) -> ScaledInception:
    """The block for maps of 35 by 35, in the widths that the authors released or in others."""
    last = [(1, width), (3, width * 3 // 2), (3, 2 * width)]
    return ScaledInception(channels, [[(1, width)], [(1, width), (3, width)], last], scale)


def small_network(classes: int, width: int = 64, blocks: int = 3) -> nn.Sequential:
    """Stem, three stages of blocks with a pooling between them, head; a map of 8 by 8 before the mean."""
    layers: list[nn.Module] = [conv(3, width, 3)]
    for stage in range(3):
        channels = width << stage
        layers += [block35(channels, channels // 4) for _ in range(blocks)]
        if stage < 2:
            layers += [nn.MaxPool2d(2), conv(channels, 2 * channels)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = small_network(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-3](x).shape[2:])}, logits: {tuple(model(x).shape)}")
