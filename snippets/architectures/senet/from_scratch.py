"""SE-ResNet-50, 101 and 152: bottlenecks whose last convolution is weighed channel by channel; as timm has them.

Source: Hu et al., "Squeeze-and-Excitation Networks", 2017, section 3 and table 1
"""

import torch
from torch import Tensor, nn

LAYERS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels.

    Args:
        channels: of input and output.
        reduction: how many times fewer channels there are between the two layers.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = channels // reduction
        reduce, expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.ReLU(), expand, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x)


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)]


class Block(nn.Module):
    """ReLU(shortcut(x) + gate(branch(x))), a bottleneck of 1×1, 3×3, 1×1 with a gate before the sum.

    Args:
        channels: of the input.
        width: of the 3×3 convolution; the output has four times as many channels.
        stride: of the 3×3 convolution.
        reduction: of the gate.
    """

    def __init__(self, channels: int, width: int, stride: int, reduction: int = 16) -> None:
        super().__init__()
        first, second = conv_norm(channels, width, 1), conv_norm(width, width, 3, stride)
        last = [*conv_norm(width, 4 * width, 1), SqueezeExcite(4 * width, reduction)]
        self.branch = nn.Sequential(*first, nn.ReLU(), *second, nn.ReLU(), *last)
        same = stride == 1 and channels == 4 * width
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(channels, 4 * width, 1, stride))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, 4 * width, height / stride, width / stride) out, rounded up."""
        return self.relu(self.shortcut(x) + self.branch(x))


class SEResNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 50, 101 or 152 layers, not counting those of the gates.
        classes: of the last layer.
        width: of the first stage, 64; each later stage has twice as many.
        reduction: of the gates.
    """

    def __init__(self, depth: int = 50, classes: int = 1000, width: int = 64, reduction: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        channels = width
        for stage, blocks in enumerate(LAYERS[depth]):
            made = []
            for place in range(blocks):
                made.append(Block(channels, width << stage, 2 if stage and not place else 1, reduction))
                channels = 4 * width << stage
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
    published = {50: 28_088_024, 152: 66_821_848}  # timm's
    with torch.device("meta"):
        counts = {depth: sum(p.numel() for p in SEResNet(depth).parameters()) for depth in published}
    print(f"difference to timm's number of parameters: {max(abs(counts[d] - n) for d, n in published.items())}")
