"""Spatial pyramid pooling by plain slices, and the windows that the paper's rule gives instead.

Source: He et al., "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition", 2014, section 2
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def cells(size: int, level: int) -> list[slice]:
    """torch's: cell i goes from size * i / level, rounded down, to size * (i + 1) / level, rounded up."""
    return [slice(size * i // level, -(-size * (i + 1) // level)) for i in range(level)]


def cells_of_the_paper(size: int, level: int) -> list[slice]:
    """The paper's: windows of size / level, rounded up, at a stride of size / level, rounded down."""
    window, stride = -(-size // level), size // level
    return [slice(stride * i, stride * i + window) for i in range(level)]


def pyramid(x: Tensor, levels: tuple[int, ...] = (4, 2, 1)) -> Tensor:
    """(batch, channels, height, width) in, (batch, channels * sum of level²) out: the maximum of each cell."""
    parts = []
    for level in levels:
        rows, columns = cells(x.shape[2], level), cells(x.shape[3], level)
        maxima = [x[:, :, row, column].amax(dim=(2, 3)) for row in rows for column in columns]
        parts.append(torch.stack(maxima, dim=2).flatten(1))  # (batch, channels * level²)
    return torch.cat(parts, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    for size in ((13, 13), (7, 30), (2, 3)):
        x = torch.randn(2, 4, *size)
        reference = torch.cat([F.adaptive_max_pool2d(x, level).flatten(1) for level in (4, 2, 1)], dim=1)
        print(f"{size[0]} × {size[1]}: {pyramid(x).shape[1]} numbers, as torch's: {torch.equal(pyramid(x), reference)}")
    ends = [rule(14, 4)[-1].stop for rule in (cells, cells_of_the_paper)]
    print(f"14 rows in 4 cells: torch's end at {ends[0]}, the paper's at {ends[1]}")
