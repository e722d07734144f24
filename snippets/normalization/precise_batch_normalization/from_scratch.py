"""Mean and variance of a layer's inputs over all data, batch by batch, and the average that torch keeps.

Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3; Chan et al., "Updating formulae …", 1979
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def channels_last(x: Tensor) -> Tensor:
    """(batch, channel, *space) as (batch * space, channel)."""
    return x.transpose(0, 1).flatten(1).T


def average_of_batches(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """What ``momentum=None`` keeps: the mean of the batches' means, and of their unbiased variances."""
    pairs = [torch.var_mean(channels_last(x), dim=0) for x in batches]
    return torch.stack([mean for _, mean in pairs]).mean(dim=0), torch.stack([var for var, _ in pairs]).mean(dim=0)


def population(batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Mean and unbiased variance of all numbers of a channel together, for batches of any sizes and order."""
    count, mean, square = 0, torch.zeros(()), torch.zeros(())
    for x in batches:
        rows = channels_last(x)
        new, shift = len(rows), rows.mean(dim=0) - mean
        square = square + rows.var(dim=0, correction=0) * new + shift**2 * count * new / (count + new)
        mean = mean + shift * new / (count + new)
        count += new
    return mean, square / (count - 1)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 3, 4, 4) + torch.arange(256).reshape(-1, 1, 1, 1) / 64  # sorted: later samples are larger
    layer = nn.BatchNorm2d(3, momentum=None)
    for batch in x.split(32):
        layer(batch)
    assert layer.running_mean is not None
    assert layer.running_var is not None
    mean, var = average_of_batches(x.split(32))
    largest = max((layer.running_mean - mean).abs().max(), (layer.running_var - var).abs().max())
    print(f"average of batches differs from momentum=None by less than 1e-5: {largest.item() < 1e-5}")
    print(f"variance of all sorted data: {population(x.split(32))[1].mean():.1f}, average of batches: {var.mean():.1f}")
