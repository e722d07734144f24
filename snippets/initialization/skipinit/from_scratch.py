"""SkipInit in closed form: how the variance of the skip path grows with depth, beside a simulation.

Source: De and Smith, "Batch Normalization Biases Residual Blocks Towards the Identity Function in Deep Networks", 2020,
section 3.
"""

import torch
from torch import Tensor


def predicted_variances(blocks: int, alpha: float, normalized: bool) -> list[float]:
    """Variance of the skip path before each block and after the last, from 1.

    A Kaiming branch keeps the second moment of its input; behind a batch normalization its input has moment 1.
    """
    variances = [1.0]
    for _ in range(blocks):
        branch = 1.0 if normalized else variances[-1]
        variances.append(variances[-1] + alpha**2 * branch)
    return variances


def simulated_variances(
    x: Tensor, blocks: int, alpha: float, normalized: bool, generator: torch.Generator | None = None
) -> list[float]:
    """The same as second moments, measured on x, (batch, width), through blocks x + alpha * W relu(x)."""
    variances = [x.square().mean().item()]
    for _ in range(blocks):
        weight = torch.randn(x.shape[1], x.shape[1], generator=generator, device=x.device) * (2 / x.shape[1]) ** 0.5
        before = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt() if normalized else x
        x = x + alpha * torch.relu(before) @ weight.T
        variances.append(x.square().mean().item())
    return variances


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(512, 512)  # (batch, width)
    for name, alpha, normalized in [("none", 1.0, False), ("batch norm", 1.0, True), ("1/sqrt(16)", 0.25, False)]:
        predicted = predicted_variances(16, alpha, normalized)
        simulated = simulated_variances(x, 16, alpha, normalized)
        gap = (simulated[-1] / predicted[-1]) ** (1 / 16) - 1
        print(f"{name}: after 16 blocks {predicted[-1]:.1f}; simulation differs by {abs(gap):.2f} per block")
