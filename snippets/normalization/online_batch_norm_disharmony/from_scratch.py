"""The variance of units and of their weighted sums with and without dropout, in closed form and by simulation.

Source: Li et al., "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", 2018
"""

import torch
from torch import Tensor


def unit_shift(mean: float, std: float, p: float) -> float:
    """Variance of a unit in evaluation over that in training, behind dropout with rate p."""
    in_training = (std**2 + mean**2) / (1 - p) - mean**2  # E[y^2] - E[y]^2
    return std**2 / in_training


def sum_shift(weight: Tensor, mean: Tensor, covariance: Tensor, p: float) -> Tensor:
    """The same of the sum of weight * unit, where dropout stands in front of a linear layer.

    Args:
        weight: one output's weights (inputs,).
        mean: of the inputs (inputs,).
        covariance: of the inputs (inputs, inputs).
        p: rate of the dropout on each input.
    """
    in_evaluation = weight @ covariance @ weight
    noise = p / (1 - p) * (weight.square() * (covariance.diagonal() + mean.square())).sum()
    return in_evaluation / (in_evaluation + noise)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 1 + 2 * torch.randn(1_000_000, dtype=torch.float64)
    kept = torch.bernoulli(torch.full_like(x, 0.5))
    ratio = (x.var() / (x * kept / 0.5).var()).item()
    print(f"one unit, mean 1, deviation 2, p = 0.5: simulated {ratio:.2f}, closed form {unit_shift(1, 2, 0.5):.2f}")
    for width in (16, 256):
        weight, mean = torch.full((width,), 1 / width), torch.ones(width)
        shift = sum_shift(weight, mean, 0.5 * torch.eye(width) + 0.5, 0.5)
        print(f"mean of {width} correlated units: {shift.item():.2f}")
