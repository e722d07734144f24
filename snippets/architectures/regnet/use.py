"""A RegNet for images of about 32 by 32: the stages follow from five numbers.

Source: Radosavovic et al., "Designing Network Design Spaces", 2020
"""

import math

import torch
from torch import Tensor, nn


def stage_sizes(blocks: int, first: int, slope: float, step: float, group: int) -> list[tuple[int, int]]:
    """Width and number of blocks of each stage: a line, rounded to powers of ``step`` and to whole groups."""
    powers = [round(math.log(1 + slope / first * place) / math.log(step)) for place in range(blocks)]
    widths = [max(group, round(first * step**power / group) * group) for power in powers]
    return [(width, widths.count(width)) for width in sorted(set(widths))]


class Block(nn.Module):
    """ReLU(shortcut(x) + branch(x)): 1×1, grouped 3×3 and 1×1 convolutions, all of one width."""

    def __init__(self, channels: int, width: int, stride: int, group: int) -> None:
        super().__init__()
        grouped = nn.Conv2d(width, width, 3, stride, 1, groups=width // group, bias=False)
        first = [nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        last = [nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width)]
        self.branch = nn.Sequential(*first, grouped, nn.BatchNorm2d(width), nn.ReLU(), *last)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, width, height / stride, width / stride) out, rounded up."""
        return (self.shortcut(x) + self.branch(x)).relu()


def regnet_for_small_images(
    classes: int, blocks: int = 12, first: int = 48, slope: float = 32.0, step: float = 2.4, group: int = 16
) -> nn.Sequential:
    """Stem without a stride, stages of which all but the first halve the map, head."""
    channels, layers = 32, [nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    for stage, (width, count) in enumerate(stage_sizes(blocks, first, slope, step, group)):
        for place in range(count):
            layers.append(Block(channels, width, 2 if stage and not place else 1, group))
            channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"width and blocks of the stages: {stage_sizes(12, 48, 32.0, 2.4, 16)}")
    model = regnet_for_small_images(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-3](x).shape[2:])}, logits: {tuple(model(x).shape)}")
