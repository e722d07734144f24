"""EfficientNetV2-S, -M and -L: plain 3×3 convolutions in early stages, depthwise ones in late stages.

Source: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021, section 3 and table 4
"""

import torch
from torch import Tensor, nn

Stage = tuple[bool, int, int, int, int]  # fused, expansion, stride, channels, blocks
S: list[Stage] = [(True, 1, 1, 24, 2), (True, 4, 2, 48, 4), (True, 4, 2, 64, 4)]
S += [(False, 4, 2, 128, 6), (False, 6, 1, 160, 9), (False, 6, 2, 256, 15)]
M: list[Stage] = [(True, 1, 1, 24, 3), (True, 4, 2, 48, 5), (True, 4, 2, 80, 5)]
M += [(False, 4, 2, 160, 7), (False, 6, 1, 176, 14), (False, 6, 2, 304, 18), (False, 6, 1, 512, 5)]
L: list[Stage] = [(True, 1, 1, 32, 4), (True, 4, 2, 64, 7), (True, 4, 2, 96, 7)]
L += [(False, 4, 2, 192, 10), (False, 6, 1, 224, 19), (False, 6, 2, 384, 25), (False, 6, 1, 640, 7)]
VARIANTS = {"S": (S, 0.2), "M": (M, 0.3), "L": (L, 0.4)}  # stages, dropout


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(out, eps=1e-3)]


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        reduce, expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.SiLU(), expand, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x)


class DropPath(nn.Module):
    """In training, zero for a share p of the samples, the others divided by 1 - p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        if not self.training or self.p == 0:
            return x
        return x * x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(1 - self.p).div_(1 - self.p)


class Block(nn.Module):
    """MBConv or, fused, one 3×3 convolution in place of its first two; plus the input where shapes agree.

    Args:
        fused: a plain 3×3 convolution widens, and there is no gate.
        channels: of the input.
        out: of the output.
        stride: of the 3×3 convolution.
        expansion: how many times wider it is inside; a fused block with 1 is a single convolution.
        drop: share of the samples whose branch is left out in training.
    """

    def __init__(self, fused: bool, channels: int, out: int, stride: int, expansion: int, drop: float = 0.0) -> None:
        super().__init__()
        wide = channels * expansion
        if fused and expansion == 1:
            layers = [*conv(channels, out, 3, stride), nn.SiLU()]
        elif fused:
            layers = [*conv(channels, wide, 3, stride), nn.SiLU(), *conv(wide, out, 1)]
        else:
            layers = [*conv(channels, wide, 1), nn.SiLU(), *conv(wide, wide, 3, stride, groups=wide), nn.SiLU()]
            layers += [SqueezeExcite(wide, channels // 4), *conv(wide, out, 1)]
        self.branch = nn.Sequential(*layers)
        self.shortcut, self.drop_path = stride == 1 and channels == out, DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.drop_path(self.branch(x)) if self.shortcut else self.branch(x)


class EfficientNetV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        stages: the stages' settings, as in S.
        dropout: before the last layer.
        classes: of the last layer.
        head: channels before the mean over the map.
        drop_path: rate that grows with the block's place, from 0 to just below this.
    """

    def __init__(
        self,
        stages: list[Stage] = S,
        dropout: float = 0.2,
        classes: int = 1000,
        head: int = 1280,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        channels, place, total = stages[0][3], 0, sum(stage[-1] for stage in stages)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.SiLU())
        for number, (fused, expansion, stride, out, blocks) in enumerate(stages, 1):
            made = []
            for first in [True] + [False] * (blocks - 1):
                drop = drop_path * place / total
                made.append(Block(fused, channels, out, stride if first else 1, expansion, drop))
                channels, place = out, place + 1
            self.add_module(f"stage{number}", nn.Sequential(*made))
        pooled = [*conv(channels, head, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.head = nn.Sequential(*pooled, nn.Dropout(dropout), nn.Linear(head, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"S": 21_458_488, "M": 54_139_356, "L": 118_515_272}  # torchvision's
    with torch.device("meta"):
        counts = {name: sum(p.numel() for p in EfficientNetV2(*VARIANTS[name]).parameters()) for name in VARIANTS}
    print(f"difference to torchvision's number of parameters: {max(abs(counts[v] - n) for v, n in published.items())}")
