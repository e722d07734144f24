"""ResNet-18 to ResNet-152, as torchvision has them, and with the stride where the paper has it.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015, table 1, figure 5 and section 3.3
"""

import torch
from torch import Tensor, nn

LAYERS = {18: [2, 2, 2, 2], 34: [3, 4, 6, 3], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)]


class Block(nn.Module):
    """ReLU(shortcut(x) + branch(x)). The shortcut is x itself, or a 1×1 convolution where the shape changes.

    Args:
        channels: of the input.
        width: of the 3×3 convolutions.
        stride: of the block.
        bottleneck: 1×1, 3×3, 1×1 with 4 * width channels at the end; else two 3×3.
        paper: a bottleneck has its stride in the first 1×1 convolution, as in the paper; torchvision has it in the 3×3.
    """

    def __init__(self, channels: int, width: int, stride: int, bottleneck: bool, paper: bool = False) -> None:
        super().__init__()
        out = 4 * width if bottleneck else width
        if bottleneck:
            first, second = (stride, 1) if paper else (1, stride)
            layers = [*conv_norm(channels, width, 1, first), nn.ReLU(), *conv_norm(width, width, 3, second)]
            layers += [nn.ReLU(), *conv_norm(width, out, 1)]
        else:
            layers = [*conv_norm(channels, width, 3, stride), nn.ReLU(), *conv_norm(width, out, 3)]
        self.branch = nn.Sequential(*layers)
        same = stride == 1 and channels == out
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(channels, out, 1, stride))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return self.relu(self.shortcut(x) + self.branch(x))


class ResNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 18, 34, 50, 101 or 152 layers; from 50 on with bottlenecks.
        classes: of the last layer.
        width: of the first stage, 64; each later stage has twice as many.
        paper: where a bottleneck has its stride, see Block.
    """

    def __init__(self, depth: int = 50, classes: int = 1000, width: int = 64, paper: bool = False) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        channels, bottleneck = width, depth >= 50
        for stage, blocks in enumerate(LAYERS[depth]):
            made = []
            for place in range(blocks):
                made.append(Block(channels, width << stage, 2 if stage and not place else 1, bottleneck, paper))
                channels = (width << stage) * (4 if bottleneck else 1)
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
    published = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}  # torchvision's
    with torch.device("meta"):
        counts = {depth: sum(p.numel() for p in ResNet(depth).parameters()) for depth in published}
    print(f"difference to torchvision's number of parameters: {max(abs(counts[d] - n) for d, n in published.items())}")
