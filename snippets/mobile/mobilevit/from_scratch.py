"""MobileViT: convolutions that look at neighbours, and transformers that look at the whole map.

Source: Mehta and Rastegari, "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer", 2021
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZES = {  # channels of the five stages, of the three transformers, factor inside convolutional blocks
    "s": ((32, 64, 96, 128, 160), (144, 192, 240), 4),
    "xs": ((32, 48, 64, 80, 96), (96, 120, 144), 4),
    "xxs": ((16, 24, 48, 64, 80), (64, 80, 96), 2),
}
LAYERS = (2, 4, 3)  # of the three transformers


def conv(channels: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution without a bias, batch normalization, SiLU."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out), nn.SiLU())


class InvertedResidual(nn.Module):
    """MobileNetV2's block with SiLU: widen, filter each channel by itself, narrow without an activation."""

    def __init__(self, channels: int, out: int, stride: int, factor: int) -> None:
        super().__init__()
        wide = factor * channels
        widen, filtered = conv(channels, wide), conv(wide, wide, 3, stride, groups=wide)
        self.branch = nn.Sequential(*widen, *filtered, *list(conv(wide, out))[:2])
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class Layer(nn.Module):
    """A transformer's layer: attention with four heads, then two linear layers, normalized before each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1, self.qkv = nn.LayerNorm(channels), nn.Linear(channels, 3 * channels)
        self.out, self.norm2 = nn.Linear(channels, channels), nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, 2 * channels), nn.SiLU(), nn.Linear(2 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, tokens, channels) in, the same shape out."""
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, 4, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))


class MobileViTBlock(nn.Module):
    """Neighbours by a convolution, then pixels at the same place of all patches of 2 × 2 by a transformer."""

    def __init__(self, channels: int, inside: int, layers: int) -> None:
        super().__init__()
        self.local, self.enter = conv(channels, channels, 3), nn.Conv2d(channels, inside, 1, bias=False)
        self.transformer = nn.Sequential(*(Layer(inside) for _ in range(layers)), nn.LayerNorm(inside))
        self.leave, self.fuse = conv(inside, channels), conv(2 * channels, channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out; height and width are even."""
        y = self.enter(self.local(x))
        rows, columns = y.shape[2] // 2, y.shape[3] // 2
        y = y.unflatten(3, (columns, 2)).unflatten(2, (rows, 2)).permute(0, 3, 5, 2, 4, 1)
        y = self.transformer(y.flatten(3, 4).flatten(0, 2))  # (batch * 2 * 2, patches, inside)
        y = y.unflatten(1, (rows, columns)).unflatten(0, (-1, 2, 2)).permute(0, 5, 3, 1, 4, 2)
        return self.fuse(torch.cat([x, self.leave(y.flatten(4, 5).flatten(2, 3))], dim=1))


class MobileViT(nn.Module):
    """Images (batch, 3, height, width), sides multiples of 64, to logits (batch, classes).

    Args:
        size: s, xs or xxs.
        classes: of the last layer.
    """

    def __init__(self, size: str = "s", classes: int = 1000) -> None:
        super().__init__()
        (c1, c2, *rest), inside, factor = SIZES[size]
        self.stem = conv(3, 16, 3, 2)
        self.stage1 = InvertedResidual(16, c1, 1, factor)
        strides = (2, 1, 1)
        self.stage2 = nn.Sequential(*(InvertedResidual(c2 if i else c1, c2, s, factor) for i, s in enumerate(strides)))
        before = c2
        for stage, (channels, width, layers) in enumerate(zip(rest, inside, LAYERS, strict=True), start=3):
            block = MobileViTBlock(channels, width, layers)
            self.add_module(f"stage{stage}", nn.Sequential(InvertedResidual(before, channels, 2, factor), block))
            before = channels
        self.last = conv(before, 4 * before)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * before, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"s": 5_578_632, "xs": 2_317_848, "xxs": 1_272_024}  # timm's counts
    with torch.device("meta"):
        counts = {size: sum(p.numel() for p in MobileViT(size).parameters()) for size in published}
    print(f"parameters: {counts}")
    print(f"largest difference to timm's numbers: {max(abs(counts[s] - n) for s, n in published.items())}")
