"""A U-Net as it is trained today: padded, with batch normalization, for images of any size from 16 pixels on.

Source: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def two_convs(channels: int, width: int) -> nn.Sequential:
    """Two 3×3 convolutions that keep height and width, each with batch normalization and a ReLU."""
    layers: list[nn.Module] = []
    for before in (channels, width):
        layers += [nn.Conv2d(before, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Scores of each pixel, with skips from each level of the way down to the same level of the way up.

    Args:
        channels: of the image.
        classes: labels that a pixel can have.
        width: channels of the first level; each level below has twice as many.
        depth: how often the image is halved; an image has at least 2**depth pixels a side.
    """

    def __init__(self, channels: int = 3, classes: int = 2, width: int = 32, depth: int = 4) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.down = nn.ModuleList(two_convs(a, b) for a, b in zip([channels, *widths], widths, strict=False))
        self.up = nn.ModuleList(two_convs(3 * w, w) for w in widths[-2::-1])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, classes, height, width) out."""
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        skips.pop()
        for block in self.up:
            skip = skips.pop()
            x = F.interpolate(x, skip.shape[-2:], mode="bilinear")  # to the skip's size, also where it was odd
            x = block(torch.cat([skip, x], dim=1))
        return self.head(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = UNet(channels=1, classes=3, width=8)
    images, labels = torch.randn(2, 1, 61, 90), torch.randint(3, (2, 61, 90))
    scores = model(images)
    print(f"scores for images of 61 by 90: {tuple(scores.shape)}")
    print(f"loss before training: {F.cross_entropy(scores, labels).item():.1f}, log 3 is 1.1")
