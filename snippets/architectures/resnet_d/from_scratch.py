"""ResNet-D with 26 to 152 layers: three 3×3 convolutions as the stem, and shortcuts that average before they convolve.

Source: He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", 2018, section 4
"""

import torch
from torch import Tensor, nn

LAYERS = {26: [2, 2, 2, 2], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)]


class Bottleneck(nn.Module):
    """ReLU(shortcut(x) + branch(x)); with a stride, every input pixel has a part in both.

    Args:
        channels: of the input.
        width: of the 3×3 convolution; the output has four times as many channels.
        stride: of the 3×3 convolution, and of the average in the shortcut.
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        layers = [*conv_norm(channels, width, 1), nn.ReLU(), *conv_norm(width, width, 3, stride), nn.ReLU()]
        self.branch = nn.Sequential(*layers, *conv_norm(width, out, 1))
        # at odd sizes the last window has one row or column of pixels, and their mean is over these alone
        pool = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False) if stride == 2 else nn.Identity()
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else nn.Sequential(pool, *conv_norm(channels, out, 1))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, 4 * width, height / stride, width / stride) out, rounded up."""
        return self.relu(self.shortcut(x) + self.branch(x))


class ResNetD(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 26, 50, 101 or 152 layers.
        classes: of the last layer.
        width: of the first stage, 64; each later stage has twice as many.
    """

    def __init__(self, depth: int = 50, classes: int = 1000, width: int = 64) -> None:
        super().__init__()
        first = [*conv_norm(3, width // 2, 3, 2), nn.ReLU(), *conv_norm(width // 2, width // 2, 3), nn.ReLU()]
        self.stem = nn.Sequential(*first, *conv_norm(width // 2, width, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        channels = width
        for stage, blocks in enumerate(LAYERS[depth]):
            made = []
            for place in range(blocks):
                made.append(Bottleneck(channels, width << stage, 2 if stage and not place else 1))
                channels = 4 * (width << stage)
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
    published = {26: 16_014_408, 50: 25_576_264, 101: 44_568_392, 152: 60_212_040}  # timm's resnet26d to resnet152d
    with torch.device("meta"):
        counts = {depth: sum(p.numel() for p in ResNetD(depth).parameters()) for depth in published}
    print(f"difference to timm's number of parameters: {max(abs(counts[d] - n) for d, n in published.items())}")
