"""Delta-orthogonal initialization: an orthogonal matrix at the kernel's centre, zeros around it.

Source: Xiao et al., "Dynamical Isometry and a Mean Field Theory of CNNs", 2018.
"""

import math

import torch
from torch import Tensor, nn


def delta_orthogonal_std(shape: tuple[int, ...], gain: float = 1.0) -> float:
    """Root mean square over all entries, the zeros included: gain / sqrt(max(out, in) * kernel size)."""
    return gain / math.sqrt(max(shape[:2]) * math.prod(shape[2:]))


@torch.no_grad()
def delta_orthogonal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a convolution's weight in place so that the layer keeps the norm of its input, times ``gain``.

    Args:
        tensor: weight, (out_channels, in_channels, *kernel) with out_channels >= in_channels for a layer that
            keeps the norm; with fewer outputs the rows are orthonormal instead, and part of the input is lost.
        gain: factor on the norm; 1 for linear and tanh, sqrt(2) for ReLU.
        generator: source of randomness; torch's default one if None.

    Returns:
        ``tensor``, zero but for the entries at the kernel's centre, which hold an orthogonal matrix times ``gain``.

    Raises:
        ValueError: for a tensor of fewer than two dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError(f"a weight has two or more dimensions, not {tensor.ndim}")
    centre = tensor  # a view of the kernel's middle, (out, in)
    for size in tensor.shape[2:]:
        centre = centre.select(2, size // 2)
    exact = torch.promote_types(tensor.dtype, torch.float32)  # a QR decomposition needs at least float32
    matrix = torch.empty_like(centre, dtype=exact, memory_format=torch.contiguous_format)
    nn.init.orthogonal_(matrix, gain, generator)
    tensor.zero_()
    centre.copy_(matrix)
    return tensor


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(1, 16, 8, 8)  # (batch, channels, height, width)
    for name, init in [("delta-orthogonal", delta_orthogonal_), ("torch's orthogonal_", nn.init.orthogonal_)]:
        y = x
        for _ in range(50):
            conv = nn.Conv2d(16, 16, 3, padding=1, bias=False)
            init(conv.weight)
            y = conv(y)
        print(f"{name}: norm after 50 layers over norm before {(y.norm() / x.norm()).item():.3f}")
