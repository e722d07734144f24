"""VGG: 3×3 convolutions with a ReLU each, five times halved by max pooling, and three fully connected layers.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, table 1
"""

import torch
from torch import Tensor, nn

CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


def stage(channels: int, width: int, convs: int, norm: bool) -> nn.Sequential:
    """So many 3×3 convolutions that keep height and width, and a max pooling that halves them."""
    layers: list[nn.Module] = []
    for before in (channels, *[width] * (convs - 1)):
        layers.append(nn.Conv2d(before, width, 3, padding=1))
        if norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class VGG(nn.Module):
    """Logits of images; 224 by 224 pixels give the paper's 7 by 7 features, others are averaged to that.

    Args:
        depth: layers with weights: 11, 13, 16 or 19, the paper's networks A, B, D and E.
        classes: number of classes.
        norm: batch normalization after each convolution, which the paper did not have.
        width: units of the two hidden fully connected layers.
    """

    def __init__(self, depth: int = 16, classes: int = 1000, norm: bool = False, width: int = 4096) -> None:
        super().__init__()
        before = (3, *WIDTHS)
        self.stages = nn.Sequential(*(stage(*sizes, norm) for sizes in zip(before, WIDTHS, CONVS[depth], strict=False)))
        self.pool = nn.AdaptiveAvgPool2d(7)
        self.head = nn.Sequential(
            nn.Linear(512 * 7 * 7, width), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(width, width), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(width, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width) in, (batch, classes) out."""
        return self.head(self.pool(self.stages(x)).flatten(1))


if __name__ == "__main__":
    with torch.device("meta"):
        for depth in CONVS:
            print(f"VGG-{depth}: {sum(p.numel() for p in VGG(depth).parameters()):,} parameters")
