"""Channel shuffle and its inverse: channels are written into a table by rows and read by columns.

Source: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017,
section 3.1
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def channel_shuffle(x: Tensor, groups: int) -> Tensor:
    """(batch, channels, *space) in, the same shape out.

    Args:
        x: the maps.
        groups: of the layer before; a divisor of the channels.
    """
    return x.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


def channel_unshuffle(x: Tensor, groups: int) -> Tensor:
    """Undoes ``channel_shuffle`` with the same groups: a shuffle by channels / groups.

    Args:
        x: the maps.
        groups: as in the shuffle.
    """
    return channel_shuffle(x, x.size(1) // groups)


def order(channels: int, groups: int) -> list[int]:
    """Which channel stands at each place after the shuffle.

    Args:
        channels: how many.
        groups: a divisor of the channels.
    """
    return [place % groups * (channels // groups) + place // groups for place in range(channels)]


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 12, 4, 4)
    y = channel_shuffle(x, 3)
    print(f"bit for bit torch's channel_shuffle: {torch.equal(y, F.channel_shuffle(x, 3))}")
    print(f"undone: {torch.equal(channel_unshuffle(y, 3), x)}, order {order(12, 3)}")
