"""AlexNet in one tower, as torchvision has it, and in the two towers of 2012.

Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.5
"""

import torch
from torch import Tensor, nn


class AlexNet(nn.Module):
    """Logits of images of 224 by 224 pixels; others are averaged to the same 6 by 6 features.

    Args:
        classes: number of classes.
        paper: the network of 2012: two towers, which are groups here, more channels, local response normalization,
            dropout after both hidden linear layers.
        width: units of the two hidden fully connected layers.
    """

    def __init__(self, classes: int = 1000, paper: bool = False, width: int = 4096) -> None:
        super().__init__()
        a, b, c, d, e = (96, 256, 384, 384, 256) if paper else (64, 192, 384, 256, 256)
        towers = 2 if paper else 1
        enters, leaves = ([], [nn.Dropout(0.5)]) if paper else ([nn.Dropout(0.5)], [])

        def norm() -> list[nn.Module]:  # torch divides alpha by the number of channels, 5, the paper does not
            return [nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)] if paper else []

        self.features = nn.Sequential(
            nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(inplace=True), *norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2, groups=towers), nn.ReLU(inplace=True), *norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c, d, 3, padding=1, groups=towers), nn.ReLU(inplace=True),
            nn.Conv2d(d, e, 3, padding=1, groups=towers), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.pool = nn.AdaptiveAvgPool2d(6)
        self.head = nn.Sequential(
            *enters, nn.Linear(e * 6 * 6, width), nn.ReLU(inplace=True),
            nn.Dropout(0.5), nn.Linear(width, width), nn.ReLU(inplace=True), *leaves, nn.Linear(width, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width) in, (batch, classes) out."""
        return self.head(self.pool(self.features(x)).flatten(1))


if __name__ == "__main__":
    with torch.device("meta"):
        for paper in (False, True):
            count = sum(p.numel() for p in AlexNet(paper=paper).parameters())
            print(f"{'two towers' if paper else 'one tower'}: {count:,} parameters")
