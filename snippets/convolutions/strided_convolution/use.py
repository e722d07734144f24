"""Three ways to halve a map by a convolution, and a small network for 32×32 images without pooling layers.

Source: Springenberg et al., "Striving for Simplicity: The All Convolutional Net", 2014, section 2
"""

from typing import Literal

import torch
from torch import nn


def downsample(
    in_channels: int, out_channels: int, kind: Literal["3x3", "patches", "average"] = "3x3"
) -> nn.Sequential:
    """A convolution that halves height and width, followed by batch normalization.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kind: "3x3" for a branch with overlapping windows, "patches" for a kernel of 2 without overlap,
            "average" for a skip connection: a mean over 2×2, then a 1×1 convolution.
    """
    layers: dict[str, list[nn.Module]] = {
        "3x3": [nn.Conv2d(in_channels, out_channels, 3, stride=2, padding=1, bias=False)],
        "patches": [nn.Conv2d(in_channels, out_channels, 2, stride=2, bias=False)],
        "average": [nn.AvgPool2d(2), nn.Conv2d(in_channels, out_channels, 1, bias=False)],
    }
    return nn.Sequential(*layers[kind], nn.BatchNorm2d(out_channels))


def small_network(classes: int = 10) -> nn.Sequential:
    """For 32×32 images: full size in the first layer, then halved three times to 4×4.

    Args:
        classes: number of classes.
    """
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, padding=1, bias=False), nn.BatchNorm2d(32), nn.ReLU()]
    for channels in (32, 64, 128):
        layers += [downsample(channels, 2 * channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model, x = small_network(), torch.rand(8, 3, 32, 32)
    print(f"before the mean {tuple(model[:-3](x).shape)}, logits {tuple(model(x).shape)}")
    for kind in ("3x3", "patches", "average"):
        print(f"{kind}: {tuple(downsample(64, 128, kind)(torch.rand(8, 64, 32, 32)).shape)}")
