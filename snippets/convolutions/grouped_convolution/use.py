"""The branch of a ResNeXt block: a grouped 3 x 3 convolution between two 1 x 1 convolutions, which mix the groups.

Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", 2016, figure 3c
"""

import torch
from torch import nn


def grouped_branch(channels: int, width: int, group_width: int = 4, stride: int = 1) -> nn.Sequential:
    """1 x 1 to ``width`` channels, grouped 3 x 3, 1 x 1 back, each with batch normalization.

    Args:
        channels: of the input and of the output.
        width: channels of the grouped convolution.
        group_width: channels of each group, 4 in ResNeXt-50 (32×4d); ``width`` is a multiple of it.
        stride: of the grouped convolution.

    Raises:
        ValueError: the width is no multiple of the groups' width.
    """
    if width % group_width:
        raise ValueError(f"width {width} is no multiple of group_width {group_width}")
    branch = nn.Sequential(
        nn.Conv2d(channels, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, stride, padding=1, groups=width // group_width, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )
    for layer in branch:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_in")  # fan_out would not know of the groups
    return branch


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 256, 14, 14)  # (batch, channels, height, width)
    with_groups, without = grouped_branch(256, 128, group_width=4), grouped_branch(256, 64, group_width=64)
    y = (x + with_groups(x)).relu()  # the residual block
    print(f"{tuple(x.shape)} -> {tuple(y.shape)}")
    for name, branch in {"32 groups, width 128": with_groups, "1 group, width 64": without}.items():
        weights = sum(layer.weight.numel() for layer in branch if isinstance(layer, nn.Conv2d))
        print(f"{name}: {weights:,} weights")
