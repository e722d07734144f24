"""WRN-28-10 and its smaller relatives for images of 32 by 32, with dropout between the convolutions.

Source: Zagoruyko and Komodakis, "Wide Residual Networks", 2016, table 1 and section 2
"""

import torch
from torch import Tensor, nn


class WideBasic(nn.Module):
    """x + two 3×3 convolutions, each after batch normalization and ReLU, with dropout between them.

    Args:
        channels: of the input.
        out: of the output.
        stride: 2 halves height and width.
        p: share of values that dropout sets to zero.
    """

    def __init__(self, channels: int, out: int, stride: int = 1, p: float = 0.0) -> None:
        super().__init__()
        same = stride == 1 and channels == out
        self.project = None if same else nn.Conv2d(channels, out, 1, stride, bias=False)
        self.before = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.branch = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Dropout(p),
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        activated = self.before(x)
        shortcut = x if self.project is None else self.project(activated)
        return shortcut + self.branch(activated)


def wide_resnet(classes: int, depth: int = 28, factor: int = 10, p: float = 0.0) -> nn.Sequential:
    """Three stages of (depth - 4) / 6 blocks with 16, 32 and 64 times ``factor`` channels.

    Raises:
        ValueError: when depth is not 6n + 4.
    """
    if depth < 10 or (depth - 4) % 6:
        raise ValueError(f"depth must be 6n + 4, such as 16, 28 or 40, got {depth}")
    layers: list[nn.Module] = [nn.Conv2d(3, 16, 3, 1, 1, bias=False)]
    channels = 16
    for stage in range(3):
        for place in range((depth - 4) // 6):
            layers.append(WideBasic(channels, 16 * factor << stage, 2 if stage and not place else 1, p))
            channels = 16 * factor << stage
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    with torch.device("meta"):  # counts without memory
        largest = wide_resnet(classes=10)
    print(f"WRN-28-10: {sum(p.numel() for p in largest.parameters()):,} parameters")
    model = wide_resnet(classes=10, depth=16, factor=2, p=0.3)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"WRN-16-2: {sum(p.numel() for p in model.parameters()):,} parameters, logits {tuple(model(x).shape)}")
