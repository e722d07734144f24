"""Projecting one activation of a convolutional network back to the pixels, as a "deconvnet" does.

Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2013, section 2.1
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.grad import conv2d_input


@torch.no_grad()
def project(layers: Iterable[nn.Module], x: Tensor, channel: int, rectify: bool = True) -> Tensor:
    """The pattern in the pixels that the strongest activation of a channel answers to.

    Args:
        layers: convolutions, ReLUs and max-poolings, from the first on; others are passed through and left out
            on the way back.
        x: images (batch, channels, height, width).
        channel: of the last layer.
        rectify: whether only positive values go back through a ReLU; if not, they pass unchanged.

    Returns:
        as large as ``x``.

    Raises:
        ValueError: when a pooling takes a mean, which has no place to go back to.
    """
    back: list[tuple[nn.Module, Tensor, torch.Size]] = []
    for layer in layers:
        before, places = x, x
        if isinstance(layer, nn.AvgPool2d | nn.AdaptiveAvgPool2d):
            raise ValueError("a mean has no place to go back to; project from before it")
        if isinstance(layer, nn.MaxPool2d):
            size = (layer.kernel_size, layer.stride, layer.padding, layer.dilation, layer.ceil_mode)
            x, places = nn.functional.max_pool2d(x, *size, return_indices=True)
        else:
            x = layer(x)
        back.append((layer, places, before.shape))
    strongest = x[:, channel].flatten(1).argmax(1)
    y = torch.zeros_like(x)
    y[:, channel].view(len(x), -1)[torch.arange(len(x), device=x.device), strongest] = x[:, channel].flatten(1).amax(1)
    for layer, places, shape in reversed(back):
        if isinstance(layer, nn.ReLU) and rectify:
            y = y.relu()
        elif isinstance(layer, nn.MaxPool2d):  # back to where the maximum was
            y = y.new_zeros(shape).flatten(2).scatter_add(2, places.flatten(2), y.flatten(2)).view(shape)
        elif isinstance(layer, nn.Conv2d):
            y = conv2d_input(shape, layer.weight, y, layer.stride, layer.padding, layer.dilation, layer.groups)
    return y


if __name__ == "__main__":
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(16, 32, 5, 2), nn.ReLU()]
    x = torch.rand(2, 3, 64, 64)  # (batch, channels, height, width)
    pattern = project(layers, x, channel=5)
    touched = [image.abs().sum(0).nonzero() for image in pattern]
    sides = [tuple((t.amax(0) - t.amin(0) + 1).tolist()) for t in touched]
    print(f"pattern: {tuple(pattern.shape)}, pixels touched in each image: {sides}")
