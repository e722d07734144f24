"""Uniform initialization from numbers in [0, 1): stretch and shift.

Source: torch.Tensor.uniform_; U(a, b) = a + (b - a) U(0, 1).
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def stretched_uniform_(
    tensor: Tensor, a: float = -1.0, b: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill in place from U(a, b).

    Raises:
        ValueError: if ``b`` is below ``a``.
    """
    if b < a:
        raise ValueError(f"the interval [{a}, {b}) is empty")
    unit = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype, device=tensor.device)
    return tensor.copy_(a + (b - a) * unit)


def stretched_uniform_std(shape: tuple[int, ...], a: float = -1.0, b: float = 1.0) -> float:
    """Standard deviation (b - a) / sqrt(12)."""
    return (b - a) / 12**0.5


if __name__ == "__main__":
    torch.manual_seed(0)
    ours = stretched_uniform_(torch.empty(300, 200), -0.1, 0.3)
    torch.manual_seed(0)
    reference = nn.init.uniform_(torch.empty(300, 200), -0.1, 0.3)
    print(f"largest difference from torch below 1e-6: {bool((ours - reference).abs().max() < 1e-6)}")
    print(f"std {ours.std():.3f}, closed form {stretched_uniform_std((300, 200), -0.1, 0.3):.3f}")
