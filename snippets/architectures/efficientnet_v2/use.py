"""Fused blocks, a network of them for images of about 32 by 32, and growing images and regularization.

Source: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021, sections 3.2 and 4.2
"""

import torch
from torch import Tensor, nn


class FusedMBConv(nn.Module):
    """A 3×3 convolution widens, a 1×1 convolution narrows; plus the input where shapes agree."""

    def __init__(self, channels: int, out: int, stride: int = 1, expansion: int = 4) -> None:
        super().__init__()
        wide = channels * expansion
        widen = [nn.Conv2d(channels, wide, 3, stride, 1, bias=False), nn.BatchNorm2d(wide, eps=1e-3), nn.SiLU()]
        self.branch = nn.Sequential(*widen, nn.Conv2d(wide, out, 1, bias=False), nn.BatchNorm2d(out, eps=1e-3))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


def fused_network(classes: int, widths: tuple[int, ...] = (32, 64, 128), blocks: int = 3) -> nn.Sequential:
    """Stem without a stride, a stage of fused blocks for each width, head; the last layer but one is dropout."""
    channels = widths[0]
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels), nn.SiLU()]
    for stage, out in enumerate(widths):
        for place in range(blocks):
            layers.append(FusedMBConv(channels, out, 2 if stage and not place else 1))
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.1), nn.Linear(channels, classes))


def grown(epoch: int, epochs: int, first: float, last: float, stages: int = 4) -> float:
    """A quantity that grows from ``first`` to ``last`` in equal steps: image size, dropout, augmentation."""
    stage = min(stages - 1, epoch * stages // epochs)
    return first + (last - first) * stage / (stages - 1)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = fused_network(classes=10)
    dropout = next(module for module in model if isinstance(module, nn.Dropout))
    for epoch in (0, 25, 50, 99):
        size, dropout.p = round(grown(epoch, 100, first=20, last=32)), grown(epoch, 100, first=0.1, last=0.3)
        x = nn.functional.interpolate(torch.rand(2, 3, 32, 32), size=(size, size), mode="bilinear", antialias=True)
        print(f"epoch {epoch}: {size} pixels, dropout {dropout.p:.2f}, logits {tuple(model(x).shape)}")
