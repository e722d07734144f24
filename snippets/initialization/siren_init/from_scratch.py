"""SIREN without nn.Module: the forward pass, its exact slope, and the variance of each layer in closed form.

Source: Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", 2020, section 3.2.
"""

import math

import torch
from torch import Tensor, nn


def siren_weights(sizes: list[int], omega: float = 30.0) -> list[Tensor]:
    """Weights (out, in) of a sine network; every entry uniform, the first layer within 1/n, others sqrt(6/n)/omega."""
    bounds = [1 / sizes[0]] + [math.sqrt(6 / n) / omega for n in sizes[1:-1]]
    return [(torch.rand(m, n) * 2 - 1) * b for n, m, b in zip(sizes[:-1], sizes[1:], bounds, strict=True)]


def forward_and_slope(x: Tensor, weights: list[Tensor], omega: float = 30.0) -> tuple[Tensor, Tensor]:
    """Outputs (points, out) at x (points, 1), and their derivative: a product of cosines and weights."""
    slope = torch.ones_like(x)
    for weight in weights[:-1]:
        z, dz = omega * x @ weight.T, omega * slope @ weight.T  # (points, hidden)
        x, slope = torch.sin(z), torch.cos(z) * dz
    return x @ weights[-1].T, slope @ weights[-1].T


def closed_form_variances(depth: int, first_variance: float) -> list[float]:
    """Variance of omega * W x in each layer: sin of a normal of variance v has second moment (1 - exp(-2 v)) / 2."""
    variances = [first_variance]
    for _ in range(depth - 1):
        variances.append(1 - math.exp(-2 * variances[-1]))  # fan_in * omega^2 * bound^2 / 3 = 2 of them
    return variances


if __name__ == "__main__":
    torch.manual_seed(0)
    weights = siren_weights([1, 256, 256, 256, 1])
    x = (torch.rand(500, 1) * 2 - 1).requires_grad_()
    y, slope = forward_and_slope(x.detach(), weights)
    reference = x
    for weight in weights[:-1]:
        reference = torch.sin(30 * nn.functional.linear(reference, weight))
    reference = nn.functional.linear(reference, weights[-1])
    (by_autograd,) = torch.autograd.grad(reference.sum(), x)
    print(f"largest difference of the output {(y - reference).abs().max():.0e}")
    print(f"largest relative difference of the slope {(slope - by_autograd).abs().max() / slope.abs().max():.0e}")
    stds = [math.sqrt(v) for v in closed_form_variances(20, 300.0)]
    print("std of layers 2, 3, 4, 20 in closed form", [round(stds[i], 3) for i in (1, 2, 3, 19)])
