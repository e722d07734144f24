"""A network of grouped bottlenecks for images of 32 by 32, ResNeXt-29, with groups initialized by their own fan.

Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", 2016, section 5.3
"""

import torch
from torch import Tensor, nn


class ResNeXtBlock(nn.Module):
    """ReLU(shortcut(x) + branch(x)) with a 3×3 convolution in groups.

    Args:
        channels: of the input.
        base: channels of a group.
        groups: of the 3×3 convolution.
        out: of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, channels: int, base: int, groups: int, out: int, stride: int = 1) -> None:
        super().__init__()
        inner = base * groups
        self.branch = nn.Sequential(
            nn.Conv2d(channels, inner, 1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=groups, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # fan_in counts the inputs of one group, fan_out the outputs of all
                nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return (self.shortcut(x) + self.branch(x)).relu()


def resnext29(classes: int, groups: int = 8, base: int = 64, width: int = 64) -> nn.Sequential:
    """Stem, three stages of three blocks, head."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    channels = width
    for stage in range(3):
        for place in range(3):
            out, stride = (4 * width) << stage, 2 if stage and not place else 1
            layers.append(ResNeXtBlock(channels, base << stage, groups, out, stride))
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    with torch.device("meta"):  # counts without memory
        largest = resnext29(classes=10)
    print(f"ResNeXt-29 8x64d: {sum(p.numel() for p in largest.parameters()):,} parameters")
    model = resnext29(classes=10, groups=8, base=4, width=16)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"8x4d: {sum(p.numel() for p in model.parameters()):,} parameters, logits {tuple(model(x).shape)}")
