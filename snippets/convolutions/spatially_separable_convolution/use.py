"""A k × 1 and a 1 × k convolution in a row, and a trained k × k convolution replaced by such a pair.

Source: Jin et al., "Flattened Convolutional Neural Networks for Feedforward Acceleration", 2014;
Jaderberg et al., "Speeding up Convolutional Neural Networks with Low Rank Expansions", 2014, section 2
"""

import torch
from torch import nn


def strip_pair(channels: int, outputs: int, kernel_size: int, middle: int | None = None) -> nn.Sequential:
    """Sees k × k pixels with two thin kernels, and starts as Kaiming's rule starts one convolution before a ReLU.

    Args:
        channels: of the input.
        outputs: channels of the output.
        kernel_size: k, odd; height and width of the map stay.
        middle: channels between the two; as many as outputs where none are given.
    """
    middle, pad = middle or outputs, kernel_size // 2
    column = nn.Conv2d(channels, middle, (kernel_size, 1), padding=(pad, 0), bias=False)
    row = nn.Conv2d(middle, outputs, (1, kernel_size), padding=(0, pad))
    nn.init.kaiming_normal_(column.weight, nonlinearity="linear")  # no ReLU follows it
    nn.init.kaiming_normal_(row.weight, nonlinearity="relu")
    return nn.Sequential(column, row)


@torch.no_grad()
def factorized(conv: nn.Conv2d, rank: int) -> nn.Sequential:
    """The pair with this many channels between that comes nearest to a trained convolution; exact at full rank.

    Args:
        conv: a convolution without groups, padded with zeros.
        rank: channels between the two new layers.

    Raises:
        ValueError: for groups or another padding mode.
    """
    if conv.groups != 1 or conv.padding_mode != "zeros":
        raise ValueError("only convolutions without groups, padded with zeros, can be split into a pair here")
    outputs, channels, height, width = conv.weight.shape
    matrix = conv.weight.permute(1, 2, 0, 3).reshape(channels * height, outputs * width)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    u, v = u[:, :rank] * s[:rank].sqrt(), v[:rank] * s[:rank].sqrt()[:, None]
    pads = (conv.padding,) * 2 if isinstance(conv.padding, str) else ((conv.padding[0], 0), (0, conv.padding[1]))
    column = nn.Conv2d(channels, rank, (height, 1), (conv.stride[0], 1), pads[0], (conv.dilation[0], 1), bias=False)
    row = nn.Conv2d(rank, outputs, (1, width), (1, conv.stride[1]), pads[1], (1, conv.dilation[1]))
    column, row = column.to(conv.weight), row.to(conv.weight)  # its type and device
    column.weight.copy_(u.T.reshape(rank, channels, height, 1))
    row.weight.copy_(v.reshape(rank, outputs, 1, width).transpose(0, 1))
    row.bias = conv.bias
    return nn.Sequential(column, row)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 64, 28, 28)  # (batch, channels, height, width)
    conv, pair = nn.Conv2d(64, 64, 7, padding=3), strip_pair(64, 64, 7)
    print(f"weights of 7 × 7: {conv.weight.numel():,}, of the pair: {sum(p.numel() for p in pair.parameters()) - 64:,}")
    print(f"the map keeps its size: {tuple(pair(x).shape)}")
    exact = factorized(conv, 64 * 7)
    print(f"the pair of full rank equals the convolution: {torch.allclose(exact(x), conv(x), atol=1e-4)}")
