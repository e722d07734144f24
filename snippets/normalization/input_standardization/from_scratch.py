"""Mean and standard deviation of each feature in one pass over batches, for data that do not fit into memory.

Source: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979
"""

from collections.abc import Iterable

import torch
from torch import Tensor


def statistics(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (divided by n) of each feature over all batches, in float64.

    Args:
        batches: tensors (batch, features, …), of any batch sizes.

    Raises:
        ValueError: when there is no batch.
    """
    n, mean, squares = 0, torch.tensor(0.0), torch.tensor(0.0)
    for batch in batches:
        x = batch.double().transpose(0, 1).flatten(1)  # (features, numbers of each)
        new, more = x.mean(dim=1), x.shape[1]
        delta = new - mean
        squares = squares + (x - new[:, None]).square().sum(dim=1) + delta.square() * n * more / (n + more)
        mean = mean + delta * more / (n + more)
        n += more
    if not n:
        raise ValueError("no batch: there is nothing to measure")
    return mean, (squares / n).sqrt()


def standardize(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """``(x - mean) / std`` for x of (batch, features, …); a std of 0 counts as 1."""
    shape = (-1,) + (1,) * (x.dim() - 2)
    return (x - mean.view(shape)) / torch.where(std > 0, std, 1.0).view(shape)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 1e9 + torch.randn(1000, 3, 4, 4, dtype=torch.float64)  # like times in seconds
    mean, std = statistics(x.split(96))
    expected_std, expected_mean = torch.std_mean(x, dim=(0, 2, 3), correction=0)
    print(f"difference to torch of the mean: {(mean / expected_mean - 1).abs().max().item():.0e}", end=", ")
    print(f"of the standard deviation: {(std - expected_std).abs().max().item():.0e}")
