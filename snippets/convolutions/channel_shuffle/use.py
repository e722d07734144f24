"""Two grouped 1 × 1 convolutions with a shuffle between them, so that every output sees every input channel.

Source: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017,
section 3.1
"""

import torch
from torch import nn


def shuffled_pointwise(channels: int, groups: int) -> nn.Sequential:
    """Mixes all channels at 2 / groups of the weights of a dense 1 × 1 convolution.

    Args:
        channels: of input and output; a multiple of groups.
        groups: at most the square root of channels, so that each group of the second layer gets a channel of every
            group of the first.

    Raises:
        ValueError: if the channels do not suffice for the groups.
    """
    if channels % groups or channels < groups**2:
        raise ValueError(f"{channels} channels cannot reach each other in two layers of {groups} groups")
    return nn.Sequential(
        nn.Conv2d(channels, channels, 1, groups=groups, bias=False),
        nn.ChannelShuffle(groups),
        nn.Conv2d(channels, channels, 1, groups=groups, bias=False),
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    mixer, x = shuffled_pointwise(64, groups=4), torch.randn(2, 64, 8, 8, requires_grad=True)
    mixer(x)[0, 0, 0, 0].backward()
    assert x.grad is not None
    print(f"the first output sees {int((x.grad[0, :, 0, 0] != 0).sum())} of 64 channels")
    weights = sum(p.numel() for p in mixer.parameters())
    print(f"{weights:,} weights; a dense layer has {64 * 64:,}")
