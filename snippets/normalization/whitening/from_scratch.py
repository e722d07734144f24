"""The inverse square root of a covariance without eigenvectors, by the coupled Newton-Schulz iteration.

Source: LeCun et al., "Efficient BackProp", 1998, section 4.3
"""

import torch
from torch import Tensor


def inverse_root(matrix: Tensor, steps: int = 40) -> Tensor:
    """matrix^(-1/2) of a symmetric matrix whose eigenvalues are above 0: the ZCA matrix of a covariance."""
    norm = matrix.norm()
    y, z = matrix / norm, torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    for _ in range(steps):
        half = (3 * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device) - z @ y) / 2
        y, z = y @ half, half @ z  # y comes to the root, z to the inverse root
    return z / norm.sqrt()


def zca(x: Tensor, eps: float) -> Tensor:
    """x, (samples, feature), with covariance I but for eps, which is added to each eigenvalue."""
    centred = x - x.mean(dim=0)
    covariance = centred.T @ centred / (len(x) - 1)
    return centred @ inverse_root(covariance + eps * torch.eye(x.shape[1], dtype=x.dtype, device=x.device))


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(500, 6, dtype=torch.float64) @ torch.randn(6, 6, dtype=torch.float64)
    values, vectors = torch.linalg.eigh(torch.cov(x.T))
    reference = (x - x.mean(dim=0)) @ (vectors / (values + 1e-3).sqrt()) @ vectors.T
    print(f"differs from eigenvectors by less than 1e-8: {(zca(x, 1e-3) - reference).abs().max().item() < 1e-8}")
