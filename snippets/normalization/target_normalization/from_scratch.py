"""Standardized targets by hand, and the last layer changed so that the network itself predicts in units.

Source: van Hasselt et al., "Learning values across many orders of magnitude", 2016, section 2.2
"""

import torch
from torch import Tensor, nn


def standardize(targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Targets (samples, target) with mean 0 and deviation 1; the mean and the deviation, (target,)."""
    mean = targets.sum(dim=0) / len(targets)
    std = ((targets - mean).square().sum(dim=0) / (len(targets) - 1)).sqrt()
    return (targets - mean) / std, mean, std


@torch.no_grad()
def fold_(layer: nn.Linear, mean: Tensor, std: Tensor) -> nn.Linear:
    """Makes the last layer answer ``std * output + mean``, so that nothing has to be undone in use."""
    layer.weight.mul_(std.unsqueeze(1))
    layer.bias.mul_(std).add_(mean)
    return layer


@torch.no_grad()
def rescale_(layer: nn.Linear, old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> nn.Linear:
    """Goes over to another mean and deviation and keeps all predictions in units: the step that Pop-Art takes."""
    (old_mean, old_std), (new_mean, new_std) = old, new
    layer.weight.mul_((old_std / new_std).unsqueeze(1))
    layer.bias.mul_(old_std).add_(old_mean - new_mean).div_(new_std)
    return layer


if __name__ == "__main__":
    torch.manual_seed(0)
    targets = torch.tensor([200.0, 3.0]) + torch.tensor([50.0, 0.1]) * torch.randn(1000, 2)
    z, mean, std = standardize(targets)
    reference = (targets - targets.mean(dim=0)) / targets.std(dim=0)
    layer, x = nn.Linear(8, 2), torch.randn(16, 8)
    expected = layer(x) * std + mean
    rescale_(layer, (mean, std), (mean + 30, 2 * std))
    kept = layer(x) * 2 * std + mean + 30
    print(f"standardized as torch does, to 1e-4: {torch.allclose(z, reference, atol=1e-4)}")
    print(f"predictions stay when the statistics change: {torch.allclose(kept, expected, rtol=1e-4)}")
