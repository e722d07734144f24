"""A residual block of grouped 1×1 convolutions with a shuffle between them, for networks with wide 1×1 convolutions.

Source: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017,
figure 2
"""

import torch
from torch import Tensor, nn


class GroupedBlock(nn.Module):
    """ReLU(x + branch(x)), where the branch's 1×1 convolutions cost a ``groups``-th of the usual.

    Args:
        channels: of input and output, a multiple of 4 * groups.
        groups: of the 1×1 convolutions; 1 leaves out the shuffle.

    Raises:
        ValueError: when the channels cannot be divided so.
    """

    def __init__(self, channels: int, groups: int = 3) -> None:
        super().__init__()
        if channels % (4 * groups):
            raise ValueError(f"channels must be a multiple of {4 * groups}, got {channels}")
        inside = channels // 4
        self.branch = nn.Sequential(
            nn.Conv2d(channels, inside, 1, groups=groups, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU(),
            nn.ChannelShuffle(groups) if groups > 1 else nn.Identity(),  # else a group never sees another one
            nn.Conv2d(inside, inside, 3, 1, 1, groups=inside, bias=False),
            nn.BatchNorm2d(inside),
            nn.Conv2d(inside, channels, 1, groups=groups, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return (x + self.branch(x)).relu()


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 240, 8, 8)  # (batch, channels, height, width)
    for groups in (1, 3):
        block = GroupedBlock(240, groups)
        print(f"{groups} groups: {sum(p.numel() for p in block.parameters()):,} parameters, {tuple(block(x).shape)}")
