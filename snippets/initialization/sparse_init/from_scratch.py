"""What torch.nn.init.sparse_ does: a number of zeros in each column, that is for each input, not for each unit.

Source: the interface of ``torch.nn.init.sparse_``; Martens, "Deep learning via Hessian-free optimization", 2010.
"""

import math

import torch
from torch import Tensor, nn


def sparse_columns_std(shape: tuple[int, ...], sparsity: float = 0.9, std: float = 0.01) -> float:
    """Root mean square of all entries of a weight (out, in): std times the root of the share that is not zero."""
    return std * math.sqrt(1 - math.ceil(sparsity * shape[0]) / shape[0])


@torch.no_grad()
def sparse_columns_(
    tensor: Tensor, sparsity: float = 0.9, std: float = 0.01, generator: torch.Generator | None = None
) -> Tensor:
    """Fill a weight (out, in) in place from N(0, std^2), then set ceil(sparsity * out) entries of each column to 0.

    Raises:
        ValueError: unless the tensor has two dimensions.
    """
    if tensor.dim() != 2:
        raise ValueError(f"a matrix is needed, got shape {tuple(tensor.shape)}")
    zeros = math.ceil(sparsity * tensor.shape[0])
    tensor.normal_(0, std, generator=generator)
    for column in range(tensor.shape[1]):
        order = torch.randperm(tensor.shape[0], device=tensor.device, generator=generator)  # torch: without generator
        tensor[order[:zeros], column] = 0
    return tensor


if __name__ == "__main__":
    torch.manual_seed(0)
    w = sparse_columns_(torch.empty(50, 30), sparsity=0.75)
    torch.manual_seed(0)
    reference = nn.init.sparse_(torch.empty(50, 30), sparsity=0.75)
    print(f"largest difference from torch, same seed: {(w - reference).abs().max():.0e}")
    print("zeros in each column of 50:", sorted(set((w == 0).sum(dim=0).tolist())))
