"""An AlexNet for images of 32 by 32 pixels: small kernels in place of the large first ones, one linear layer.

Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.5
"""

from itertools import pairwise

import torch
from torch import nn


def make_alexnet(classes: int = 10, width: int = 64, dropout: float = 0.5) -> nn.Sequential:
    """Five convolutions and overlapping poolings of AlexNet; images have at least 15 pixels a side.

    Args:
        classes: number of classes.
        width: channels of the first convolution.
        dropout: share of the last features that training drops.
    """
    widths = [3, width, 3 * width, 6 * width, 4 * width, 4 * width]
    layers: list[nn.Module] = []
    for place, (channels, out) in enumerate(pairwise(widths), start=1):
        conv = nn.Conv2d(channels, out, 3, padding=1)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        layers += [conv, nn.ReLU(inplace=True)]
        if place in (1, 2, 5):
            layers.append(nn.MaxPool2d(3, stride=2))
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(widths[-1], classes)
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_alexnet()
    print(f"logits: {tuple(model(torch.randn(4, 3, 32, 32)).shape)}")
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
