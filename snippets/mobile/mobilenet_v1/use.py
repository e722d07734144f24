"""Cheaper convolutions in a network that exists: each 3×3 convolution becomes a depthwise and a 1×1 one.

Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
section 3.1
"""

from typing import Any

import torch
from torch import nn


def separable(layer: nn.Conv2d) -> nn.Sequential:
    """A fresh depthwise separable form of a convolution, with the same shapes; train it, its weights are new.

    Args:
        layer: a convolution with ``groups=1`` and padding by zeros.

    Raises:
        ValueError: when the layer has groups or pads otherwise.
    """
    if layer.groups != 1 or layer.padding_mode != "zeros":
        raise ValueError("only convolutions with groups=1 and padding by zeros can be separated")
    channels = layer.in_channels
    shape: dict[str, Any] = {name: getattr(layer, name) for name in ("kernel_size", "stride", "padding", "dilation")}
    return nn.Sequential(
        nn.Conv2d(channels, channels, groups=channels, bias=False, **shape),
        nn.BatchNorm2d(channels),
        nn.ReLU6(),
        nn.Conv2d(channels, layer.out_channels, 1, bias=layer.bias is not None),
    ).to(layer.weight.device, layer.weight.dtype)


def separate(model: nn.Module) -> int:
    """Replace in place each convolution without groups, over 1×1 and with over 3 input channels; return how many."""
    replaced = 0
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Conv2d and layer.groups == 1 and layer.in_channels > 3 and layer.kernel_size != (1, 1):
                setattr(parent, name, separable(layer))
                replaced += 1
    return replaced


if __name__ == "__main__":
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 64, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(128, 128, 3, 1, 1),
    ]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))
    before = sum(p.numel() for p in model.parameters())
    print(f"replaced: {separate(model)}")
    print(f"parameters: {before:,} before, {sum(p.numel() for p in model.parameters()):,} after")
    print(f"logits: {tuple(model(torch.rand(2, 3, 32, 32)).shape)}")
