"""Spatial pyramid pooling in front of a classifier, and the block of the same name that detectors use.

Source: He et al., "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition", 2014, section 2.2;
SPPF in Ultralytics' YOLOv5, models/common.py
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SpatialPyramidPooling(nn.Module):
    """The maximum of each channel in the cells of several grids, as one vector whose length no image size changes.

    Args:
        levels: cells along each side, for each grid; 4, 2, 1 make 16 + 4 + 1 = 21 numbers of a channel.
    """

    def __init__(self, levels: tuple[int, ...] = (4, 2, 1)) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels * cells) out."""
        return torch.cat([F.adaptive_max_pool2d(x, level).flatten(1) for level in self.levels], dim=1)


class SPPF(nn.Module):
    """Keeps height and width, and adds the maxima of windows of 5, 9 and 13 as channels: three poolings in a row.

    Args:
        channels: of the input; the layers within have half as many.
        outputs: channels of the output.
    """

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        half = channels // 2
        self.reduce = nn.Sequential(nn.Conv2d(channels, half, 1, bias=False), nn.BatchNorm2d(half), nn.SiLU())
        self.pool = nn.MaxPool2d(5, stride=1, padding=2)
        self.join = nn.Sequential(nn.Conv2d(4 * half, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, outputs, height, width) out."""
        seen = [self.reduce(x)]
        for _ in range(3):
            seen.append(self.pool(seen[-1]))
        return self.join(torch.cat(seen, dim=1))


if __name__ == "__main__":
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU())
    model = nn.Sequential(body, SpatialPyramidPooling(), nn.Linear(64 * 21, 10))
    for size in ((32, 32), (57, 80)):
        print(f"image of {size[0]} × {size[1]}: logits {tuple(model(torch.rand(4, 3, *size)).shape)}")
    print(f"SPPF keeps the map: {tuple(SPPF(64, 48)(torch.rand(2, 64, 20, 20)).shape)}")
