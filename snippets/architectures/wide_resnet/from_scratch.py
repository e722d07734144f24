"""WRN-50-2 and WRN-101-2: residual networks with wider 3×3 convolutions for ImageNet, as torchvision has them.

Source: Zagoruyko and Komodakis, "Wide Residual Networks", 2016, section 3.6 (WRN-50-2-bottleneck)
"""

import torch
from torch import Tensor, nn

LAYERS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3]}


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)]


class WideBlock(nn.Module):
    """A bottleneck whose 3×3 convolution is wider than in ResNet, while its input and output are not.

    Args:
        channels: of the input.
        inner: of the 3×3 convolution.
        out: of the output.
        stride: of the 3×3 convolution.
    """

    def __init__(self, channels: int, inner: int, out: int, stride: int) -> None:
        super().__init__()
        layers = [*conv_norm(channels, inner, 1), nn.ReLU(), *conv_norm(inner, inner, 3, stride), nn.ReLU()]
        self.branch = nn.Sequential(*layers, *conv_norm(inner, out, 1))
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(channels, out, 1, stride))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return self.relu(self.shortcut(x) + self.branch(x))


class WideResNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 50 or 101 layers.
        factor: 3×3 convolutions are so many times as wide as in ResNet; 1 is ResNet.
        classes: of the last layer.
        width: of the stem, 64.
    """

    def __init__(self, depth: int = 50, factor: int = 2, classes: int = 1000, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        channels = width
        for stage, blocks in enumerate(LAYERS[depth]):
            inner, out, made = (factor * width) << stage, (4 * width) << stage, []
            for place in range(blocks):
                made.append(WideBlock(channels, inner, out, 2 if stage and not place else 1))
                channels = out
            self.add_module(f"stage{stage + 1}", nn.Sequential(*made))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {(50, 1): 25_557_032, (50, 2): 68_883_240, (101, 2): 126_886_696}  # torchvision's
    with torch.device("meta"):
        counts = {key: sum(p.numel() for p in WideResNet(*key).parameters()) for key in published}
    print(f"difference to torchvision's number of parameters: {max(abs(counts[k] - n) for k, n in published.items())}")
