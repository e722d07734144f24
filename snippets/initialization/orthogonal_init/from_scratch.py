"""Orthogonal initialization by Gram and Schmidt: subtract from each random vector what the earlier ones explain.

Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013.
"""

import math

import torch
from torch import Tensor, nn


def orthonormal_rows_std(shape: tuple[int, ...]) -> float:
    """Root mean square of the entries, 1 / sqrt(max(rows, columns)) of the weight as a matrix (out, in * kernel)."""
    return 1 / math.sqrt(max(shape[0], math.prod(shape[1:])))


@torch.no_grad()
def orthonormal_rows_(tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight (out, in, *kernel) in place with orthonormal rows, or columns if it has more rows than columns.

    A normal distribution has no preferred direction, and neither has what is left of it: the result is uniform over
    all orthogonal matrices. The sum runs in float64; one pass more keeps it orthogonal to rounding.
    """
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    draw = torch.empty((rows, columns), dtype=tensor.dtype, device=tensor.device)
    draw = draw.normal_(generator=generator).double()
    vectors = draw if rows < columns else draw.T.clone()
    for i in range(len(vectors)):
        for _ in range(2):
            vectors[i] -= vectors[i] @ vectors[:i].T @ vectors[:i]
        vectors[i] /= vectors[i].norm()
    matrix = vectors if rows < columns else vectors.T
    return tensor.copy_(matrix.reshape(tensor.shape))


if __name__ == "__main__":
    worst = 0.0
    for shape in [(40, 40), (30, 50), (50, 30), (8, 6, 3, 3)]:
        torch.manual_seed(0)
        w = orthonormal_rows_(torch.empty(shape, dtype=torch.float64))
        torch.manual_seed(0)
        reference = nn.init.orthogonal_(torch.empty(shape, dtype=torch.float64))
        worst = max(worst, (w - reference).abs().max().item())
    print("largest difference from torch.nn.init.orthogonal_, same seed, below 1e-12:", worst < 1e-12)
