"""Convolution, batch normalization, ReLU: a block as convolutional networks have it, in both modes.

Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift", 2015, section 3.
"""

import torch
from torch import nn


def conv_norm(in_channels: int, out_channels: int, kernel_size: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalization over batch and map, ReLU.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: odd; the map keeps its size at stride 1.
        stride: of the convolution.
    """
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, stride, kernel_size // 2, bias=False),  # the norm has a bias
        nn.BatchNorm2d(out_channels, eps=1e-5, momentum=0.1),
        nn.ReLU(),
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(conv_norm(3, 16), conv_norm(16, 32, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    x = torch.rand(64, 3, 16, 16)  # (batch, channels, height, width)
    model.train()
    for _ in range(100):
        model(x)  # each forward pass in training mode also moves the running statistics
    alone = {}
    for mode in (True, False):
        model.train(mode)
        with torch.no_grad():
            alone[mode] = (model(x)[:2] - model(x[:2])).abs().max().item()
    print(f"output of two images alone and among 64 differs in train mode: {alone[True] > 0.01}")
    print(f"and in eval mode: {alone[False] > 1e-5}")
