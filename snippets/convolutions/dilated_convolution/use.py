"""Dilated convolutions that keep the size of the map, and a network's strides exchanged for dilations.

Source: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2015; Chen et al., "DeepLab", 2016
"""

import copy

import torch
from torch import nn


def dilated(in_channels: int, out_channels: int, dilation: int, kernel_size: int = 3) -> nn.Conv2d:
    """A convolution that keeps height and width; its weights lie ``dilation`` pixels apart."""
    padding = dilation * (kernel_size - 1) // 2
    return nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dilation=dilation, bias=False)


def stride_of(pool: nn.MaxPool2d | nn.AvgPool2d) -> int:
    """Pixels from one window to the next."""
    return pool.stride[0] if isinstance(pool.stride, tuple) else pool.stride


def without_strides(model: nn.Sequential, keep: int = 1) -> nn.Sequential:
    """A copy that computes the same values, but for more pixels: strides beyond ``keep`` become dilations.

    Args:
        model: square convolutions in a row, and layers that work pixel by pixel; pooling only where its stride stays.
        keep: product of the first strides that stay.

    Raises:
        ValueError: for nested layers, and for pooling beyond ``keep``.
    """
    model = copy.deepcopy(model)
    jump = factor = 1
    for layer in model:
        if isinstance(layer, nn.Conv2d):
            if not isinstance(layer.padding, str):
                layer.padding = (layer.padding[0] * factor, layer.padding[1] * factor)
            layer.dilation = (layer.dilation[0] * factor, layer.dilation[1] * factor)
            jump *= layer.stride[0]
            if jump > keep:
                factor *= layer.stride[0]
                layer.stride = (1, 1)
        elif isinstance(layer, nn.MaxPool2d | nn.AvgPool2d) and jump * stride_of(layer) <= keep:
            jump *= stride_of(layer)
        elif any(hasattr(part, "stride") for part in layer.modules()):
            raise ValueError(f"cannot take the strides out of {type(layer).__name__}")
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU()]
    strided = nn.Sequential(*layers, nn.Conv2d(8, 4, 3, padding=1))
    dense = without_strides(strided, keep=2)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    with torch.no_grad():
        few, many = strided(x), dense(x)
    print(f"{tuple(few.shape)} becomes {tuple(many.shape)}, dilation of the last layer {dense[-1].dilation}")
    print(f"every second value is the old one: {torch.allclose(many[..., ::2, ::2], few, atol=1e-5)}")
    print(f"a layer with dilation 4 keeps the size: {tuple(dilated(4, 4, 4)(many).shape)}")
