"""FasterNet's partial convolution and block, and a small network of them for images of 32 × 32.

Source: Chen et al., "Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks", 2023, section 3
"""

import torch
from torch import Tensor, nn


class PartialConv(nn.Module):
    """A 3 × 3 convolution among the first channels; the others pass as they are.

    Args:
        channels: of input and output.
        divide: one channel in this many is convolved.
    """

    def __init__(self, channels: int, divide: int = 4) -> None:
        super().__init__()
        self.split = [channels // divide, channels - channels // divide]
        self.conv = nn.Conv2d(self.split[0], self.split[0], 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        worked, kept = x.split(self.split, dim=1)
        return torch.cat([self.conv(worked), kept], dim=1)


def block(channels: int, widen: int = 2) -> nn.Sequential:
    """What FasterNet adds to its input: a partial convolution, then two pointwise ones with one normalization."""
    wide = widen * channels
    first, second = nn.Conv2d(channels, wide, 1, bias=False), nn.Conv2d(wide, channels, 1, bias=False)
    return nn.Sequential(PartialConv(channels), first, nn.BatchNorm2d(wide), nn.ReLU(), second)


class SmallNet(nn.Module):
    """Three stages on maps of 16, 8 and 4 pixels; the published networks start with patches of 4 × 4.

    Args:
        classes: of the last layer.
        channels: of the first stage, a multiple of 4.
        depth: blocks in each stage.
    """

    def __init__(self, classes: int = 10, channels: int = 40, depth: int = 2) -> None:
        super().__init__()
        widths = [channels << i for i in range(3)]
        self.enter = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 2, 2, bias=False), nn.BatchNorm2d(b))
            for a, b in zip([3, *widths], widths, strict=False)
        )
        self.stages = nn.ModuleList(nn.ModuleList(block(width) for _ in range(depth)) for width in widths)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, 3, height, width) in, logits (batch, classes) out."""
        for enter, stage in zip(self.enter, self.stages, strict=True):
            x = enter(x)
            for branch in stage.children():
                x = x + branch(x)
        return self.head(x.mean(dim=(2, 3)))


if __name__ == "__main__":
    torch.manual_seed(0)
    model, x = SmallNet(), torch.rand(4, 3, 32, 32)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}, logits: {tuple(model(x).shape)}")
    mix, y = PartialConv(40), torch.rand(1, 40, 8, 8)
    print(f"channels that pass as they are: {int((mix(y) == y).flatten(2).all(dim=2).sum())} of 40")
    whole = nn.Conv2d(40, 40, 3, padding=1, bias=False)
    print(f"weights of a whole convolution and of the partial one: {whole.weight.numel()}, {mix.conv.weight.numel()}")
