"""A residual network with 18 layers for images of 32 by 32, whose stem does not shrink them.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015; the stem as in section 4.2
"""

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """ReLU(x + two 3×3 convolutions of x); where the shape changes, x goes through a 1×1 convolution.

    Args:
        channels: of the input.
        out: of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        last = nn.BatchNorm2d(out)
        self.branch = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            last,
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))
        nn.init.zeros_(last.weight)  # each block starts as its shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        return (self.shortcut(x) + self.branch(x)).relu()


def resnet_for_small_images(classes: int, width: int = 64, blocks: int = 2) -> nn.Sequential:
    """Stem, four stages of ``blocks`` blocks, head; for images of about 32 by 32."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(4):
        out = width << stage
        layers += [
            Residual(out if place or not stage else out // 2, out, 2 if stage and not place else 1)
            for place in range(blocks)
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width << 3, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = resnet_for_small_images(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-3](x).shape[2:])}, logits: {tuple(model(x).shape)}")
