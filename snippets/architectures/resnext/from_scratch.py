"""ResNeXt-50 and ResNeXt-101: bottlenecks whose 3×3 convolution has groups, as torchvision has them.

Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", 2016, table 1 and figure 3c
"""

import torch
from torch import Tensor, nn

LAYERS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3]}


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    conv = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return [conv, nn.BatchNorm2d(out)]


class GroupedBlock(nn.Module):
    """ReLU(shortcut(x) + branch(x)); the branch is 1×1, 3×3 in groups, 1×1: the sum of as many small bottlenecks.

    Args:
        channels: of the input.
        inner: of all groups of the 3×3 convolution together.
        out: of the output.
        stride: of the 3×3 convolution.
        groups: of the 3×3 convolution; the paper calls their number cardinality.
    """

    def __init__(self, channels: int, inner: int, out: int, stride: int, groups: int) -> None:
        super().__init__()
        layers = [*conv_norm(channels, inner, 1), nn.ReLU(), *conv_norm(inner, inner, 3, stride, groups), nn.ReLU()]
        self.branch = nn.Sequential(*layers, *conv_norm(inner, out, 1))
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(channels, out, 1, stride))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return self.relu(self.shortcut(x) + self.branch(x))


class ResNeXt(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 50 or 101 layers.
        groups: 32; 1 group of 64 channels is ResNet.
        base: channels of a group in the first stage, 4; each later stage has twice as many.
        classes: of the last layer.
        width: of the stem, 64.
    """

    def __init__(self, depth: int = 50, groups: int = 32, base: int = 4, classes: int = 1000, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        channels = width
        for stage, blocks in enumerate(LAYERS[depth]):
            inner, out, made = (groups * base) << stage, (4 * width) << stage, []
            for place in range(blocks):
                made.append(GroupedBlock(channels, inner, out, 2 if stage and not place else 1, groups))
                channels = out
            self.add_module(f"stage{stage + 1}", nn.Sequential(*made))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {(50, 32, 4): 25_028_904, (101, 32, 8): 88_791_336, (50, 1, 64): 25_557_032}  # torchvision's
    with torch.device("meta"):
        counts = {key: sum(p.numel() for p in ResNeXt(*key).parameters()) for key in published}
    print(f"difference to torchvision's number of parameters: {max(abs(counts[k] - n) for k, n in published.items())}")
