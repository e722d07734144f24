"""PixelShuffle and its inverse: channels become places in a cell of pixels, and back.

Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network", 2016, equation 4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def pixel_shuffle(x: Tensor, factor: int) -> Tensor:
    """(*, channels * factor², height, width) in, (*, channels, height * factor, width * factor) out.

    Args:
        x: the maps; neighbouring channels become one cell, row by row.
        factor: height and width of a cell.
    """
    x = x.unflatten(-3, (-1, factor, factor))  # (*, channels, row in cell, column in cell, height, width)
    rows, columns, height, width = (x.dim() - k for k in (4, 3, 2, 1))
    x = x.permute(*range(rows), height, rows, width, columns)
    return x.flatten(-2).flatten(-3, -2)


def pixel_unshuffle(x: Tensor, factor: int) -> Tensor:
    """(*, channels, height * factor, width * factor) in, (*, channels * factor², height, width) out.

    Args:
        x: the maps; height and width are multiples of the factor.
        factor: height and width of a cell.
    """
    x = x.unflatten(-1, (-1, factor)).unflatten(-3, (-1, factor))  # (*, channels, height, row, width, column)
    height, rows, width, columns = (x.dim() - k for k in (4, 3, 2, 1))
    x = x.permute(*range(height), rows, columns, height, width)
    return x.flatten(-5, -3)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 5 * 9, 4, 3)
    y = pixel_shuffle(x, 3)
    back = pixel_unshuffle(y, 3)
    print(f"bit for bit torch's pixel_shuffle: {torch.equal(y, F.pixel_shuffle(x, 3))}")
    print(f"and pixel_unshuffle, its inverse: {torch.equal(back, F.pixel_unshuffle(y, 3)) and torch.equal(back, x)}")
