"""The pairs of thin kernels nearest to a convolution, found one after the other by repeated multiplication.

Source: Jaderberg et al., "Speeding up Convolutional Neural Networks with Low Rank Expansions", 2014, section 2
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def separate(weight: Tensor, rank: int, rounds: int = 100) -> tuple[Tensor, Tensor]:
    """Splits a kernel (outputs, channels, k, k) into columns (rank, channels, k, 1) and rows (outputs, rank, 1, k).

    Args:
        weight: of the convolution.
        rank: how many pairs are found.
        rounds: multiplications for each pair; more are better where two pairs matter almost equally.
    """
    outputs, channels, height, width = weight.shape
    rest = weight.permute(1, 2, 0, 3).reshape(channels * height, outputs * width).clone()
    columns, rows = [], []
    for _ in range(rank):
        row = rest[rest.norm(dim=1).argmax()]  # any start that is not at a right angle to the largest pair
        for _ in range(rounds):
            column = F.normalize(rest @ row, dim=0)
            row = column @ rest  # the best row for this column
        rest = rest - torch.outer(column, row)  # what the pairs so far do not explain
        columns.append(column.view(channels, height, 1))
        rows.append(row.view(outputs, 1, width))
    return torch.stack(columns), torch.stack(rows, dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    weight = torch.randn(6, 4, 5, 5, dtype=torch.float64)
    x = torch.randn(2, 4, 12, 12, dtype=torch.float64)
    whole = F.conv2d(x, weight)
    matrix = weight.permute(1, 2, 0, 3).reshape(20, 30)
    for rank in (4, 20):
        column, row = separate(weight, rank)
        pair = F.conv2d(F.conv2d(x, column), row)
        kernel = torch.einsum("rci,orj->ocij", column[..., 0], row[:, :, 0])
        least = torch.linalg.svdvals(matrix)[rank:].norm() / weight.norm()  # no pairs of this number come nearer
        error = (kernel - weight).norm() / weight.norm()
        print(f"rank {rank}: error of the kernel {error:.3f}, of torch.linalg.svd {least:.3f}")
    print(f"largest difference to the convolution at full rank below 1e-9: {(pair - whole).abs().max() < 1e-9}")
