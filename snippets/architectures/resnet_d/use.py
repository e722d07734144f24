"""The stem and the shortcut of ResNet-D for a network of your own, and a small one that has both.

Source: He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", 2018, section 4
"""

import torch
from torch import Tensor, nn


def deep_stem(channels: int = 64) -> nn.Sequential:
    """Three 3×3 convolutions in place of one 7×7, then pooling: a quarter of the height and width."""
    half = channels // 2
    layers: list[nn.Module] = []
    for before, out, stride in ((3, half, 2), (half, half, 1), (half, channels, 1)):
        layers += [nn.Conv2d(before, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(3, 2, 1))


def average_shortcut(channels: int, out: int, stride: int = 1) -> nn.Module:
    """Mean of 2×2 pixels before the 1×1 convolution, which then needs no stride; the input itself where it fits."""
    if stride == 1 and channels == out:
        return nn.Identity()
    pool = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False) if stride == 2 else nn.Identity()
    return nn.Sequential(pool, nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out))


class Block(nn.Module):
    """ReLU(shortcut + two 3×3 convolutions); the last normalization starts at 0."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        last = nn.BatchNorm2d(out)
        nn.init.zeros_(last.weight)
        first = [nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        self.branch = nn.Sequential(*first, nn.Conv2d(out, out, 3, 1, 1, bias=False), last)
        self.shortcut = average_shortcut(channels, out, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return (self.shortcut(x) + self.branch(x)).relu()


def resnet_18_d(classes: int, width: int = 64) -> nn.Sequential:
    """Eight blocks of two convolutions, for images of 100 pixels and more."""
    layers: list[nn.Module] = [deep_stem(width)]
    for stage in range(4):
        out = width << stage
        layers += [Block(out // 2 if stage else out, out, 2 if stage else 1), Block(out, out)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8 * width, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = resnet_18_d(classes=10)
    x = torch.rand(2, 3, 128, 128)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}, logits: {tuple(model(x).shape)}")
    for name, shortcut in (("ResNet-D", average_shortcut(64, 128, 2)), ("1×1, stride 2", nn.Conv2d(64, 128, 1, 2))):
        features = torch.rand(1, 64, 8, 8, requires_grad=True)
        gradient = torch.autograd.grad(shortcut(features).pow(2).sum(), features)[0]
        print(f"pixels with a part in the shortcut of {name}: {(gradient.abs().sum(1) > 0).float().mean():.0%}")
