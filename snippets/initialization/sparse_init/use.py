"""Sparse initialization: every unit starts with the same small number of incoming connections.

Source: Martens, "Deep learning via Hessian-free optimization", 2010.
"""

import math

import torch
from torch import Tensor, nn


def sparse_init_std(shape: tuple[int, ...], connections: int = 15) -> float:
    """Root mean square of all entries, zeros included: 1 / sqrt(fan_in), for any number of connections."""
    return 1 / math.sqrt(math.prod(shape[1:]))


@torch.no_grad()
def sparse_init_(tensor: Tensor, connections: int = 15, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place: in each row ``connections`` entries from N(0, 1 / connections), zeros elsewhere.

    Unlike torch.nn.init.sparse_ it counts the connections of a unit (row), and the generator decides all that is drawn.

    Args:
        tensor: weight, (out, in, *kernel).
        connections: non-zero incoming weights of a unit; all of them if it has fewer.
        generator: source of randomness; torch's default one if None.

    Raises:
        ValueError: for fewer than one connection or two dimensions.
    """
    if connections < 1 or tensor.dim() < 2:
        raise ValueError(f"need connections >= 1 and two dimensions, got {connections} and {tuple(tensor.shape)}")
    rows, fan_in = tensor.shape[0], math.prod(tensor.shape[1:])
    count = min(connections, fan_in)
    ranks = torch.rand(rows, fan_in, device=tensor.device, generator=generator)  # (out, in)
    chosen = ranks.topk(count, dim=1).indices  # (out, count)
    values = torch.empty(rows, count, dtype=tensor.dtype, device=tensor.device)
    values.normal_(0, 1 / math.sqrt(count), generator=generator)
    weight = torch.zeros(rows, fan_in, dtype=tensor.dtype, device=tensor.device).scatter_(1, chosen, values)
    return tensor.copy_(weight.view(tensor.shape))


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = nn.Linear(400, 100)
    sparse_init_(layer.weight)
    print("connections of each unit:", sorted(set(layer.weight.count_nonzero(dim=1).tolist())))
    torchs = nn.init.sparse_(torch.empty(100, 400), sparsity=1 - 15 / 400, std=1 / math.sqrt(15))
    counts = torchs.count_nonzero(dim=1)
    print("torch.nn.init.sparse_, the same share of zeros, differs between units:", bool(counts.min() < counts.max()))
    x = torch.randn(1000, 400)  # (batch, features)
    print(f"standard deviation of the outputs {nn.functional.linear(x, layer.weight).std():.1f}")
