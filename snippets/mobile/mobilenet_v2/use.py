"""Inverted residual blocks in a small network for images of 32 by 32, whose first layers do not shrink them.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, section 3
"""

import torch
from torch import Tensor, nn


class InvertedResidual(nn.Module):
    """Widen by a 1×1 convolution, filter each channel by itself, narrow again without an activation.

    Args:
        channels: of the input.
        out: of the output; where it equals the input's and the stride is 1, the input is added.
        stride: 2 halves height and width.
        expansion: how many times wider it is inside.
    """

    def __init__(self, channels: int, out: int, stride: int = 1, expansion: int = 6) -> None:
        super().__init__()
        wide = expansion * channels
        self.branch = nn.Sequential(
            nn.Conv2d(channels, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, out, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


def mobilenet_for_small_images(classes: int) -> nn.Sequential:
    """Stem, eight blocks, a wide 1×1 convolution and a linear layer; the map shrinks by 8 in place of 32."""
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    channels = 32
    for out, blocks, stride in [(24, 2, 1), (32, 2, 2), (64, 2, 2), (96, 2, 2)]:
        for block in range(blocks):
            layers.append(InvertedResidual(channels, out, 1 if block else stride))
            channels = out
    layers += [nn.Conv2d(channels, 384, 1, bias=False), nn.BatchNorm2d(384), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(384, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = mobilenet_for_small_images(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-4](x).shape[2:])}, logits: {tuple(model(x).shape)}")
