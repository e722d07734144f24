"""A pre-activation residual network for images of 32 by 32, of any depth 6n + 2.

Source: He et al., "Identity Mappings in Deep Residual Networks", 2016, figure 4e and appendix
"""

import torch
from torch import Tensor, nn


class PreActBasic(nn.Module):
    """x + two 3×3 convolutions, each after batch normalization and ReLU; nothing follows the sum.

    Args:
        channels: of the input.
        out: of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.before = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.branch = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
        )
        same = stride == 1 and channels == out
        self.project = None if same else nn.Conv2d(channels, out, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out, rounded up."""
        activated = self.before(x)
        shortcut = x if self.project is None else self.project(activated)
        return shortcut + self.branch(activated)


def preact_resnet(classes: int, depth: int = 20, width: int = 16) -> nn.Sequential:
    """Three stages of (depth - 2) / 6 blocks; the last sum needs its own normalization and ReLU."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False)]  # no normalization: the first block has it
    channels = width
    for stage in range(3):
        for place in range((depth - 2) // 6):
            layers.append(PreActBasic(channels, width << stage, 2 if stage and not place else 1))
            channels = width << stage
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = preact_resnet(classes=10, depth=110)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}, logits: {tuple(model(x).shape)}")
    spread = []  # without the last normalization: the sum of all blocks, as it is
    for depth in (20, 110):
        sums = preact_resnet(classes=10, depth=depth)[:-5]
        spread.append(sums(x).std().item())
    print(f"the sum of 54 blocks is larger than that of 9: {spread[1] > spread[0]}")
