"""Delta-orthogonal initialization from a bare QR decomposition.

Source: Xiao et al., "Dynamical Isometry and a Mean Field Theory of CNNs", 2018.
"""

import torch
from torch import Tensor, nn


def orthonormal_columns(rows: int, columns: int, generator: torch.Generator | None = None) -> Tensor:
    """Matrix (rows, columns), rows >= columns, drawn uniformly from those with orthonormal columns.

    QR of a Gaussian matrix is unique only up to the signs of R's diagonal; fixing them makes the draw uniform.
    """
    device = generator.device if generator else None
    q, r = torch.linalg.qr(torch.randn(rows, columns, generator=generator, device=device))
    return q * r.diagonal().sign()


def delta_kernel(out_channels: int, in_channels: int, size: int, generator: torch.Generator | None = None) -> Tensor:
    """Kernel (out, in, size, size) that acts on each pixel alone, by a matrix with orthonormal columns."""
    matrix = orthonormal_columns(out_channels, in_channels, generator)
    kernel = torch.zeros(out_channels, in_channels, size, size, device=matrix.device)
    kernel[:, :, size // 2, size // 2] = matrix
    return kernel


if __name__ == "__main__":
    torch.manual_seed(0)
    kernel = delta_kernel(32, 16, 3)
    torch.manual_seed(0)
    reference = nn.init.orthogonal_(torch.empty(32, 16))
    print(f"largest difference from torch's orthogonal_ {(kernel[:, :, 1, 1] - reference).abs().max():.0e}")
    x = torch.randn(2, 16, 8, 8)  # (batch, channels, height, width)
    for padding_mode in ("zeros", "circular"):
        conv = nn.Conv2d(16, 32, 3, padding=1, padding_mode=padding_mode, bias=False)
        conv.weight = nn.Parameter(kernel)
        print(f"padding {padding_mode}: norm after over norm before {(conv(x).norm() / x.norm()).item():.4f}")
