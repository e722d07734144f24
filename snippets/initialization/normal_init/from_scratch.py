"""Normal numbers from uniform ones: the Box-Muller transform.

Source: Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
"""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def box_muller_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None
) -> Tensor:
    """Fill in place from N(mean, std^2): a uniform angle, and a radius of sqrt(-2 log u)."""
    pairs = (tensor.numel() + 1) // 2
    u = torch.rand(2, pairs, generator=generator, dtype=tensor.dtype, device=tensor.device)
    radius = (-2 * torch.log1p(-u[0])).sqrt()  # 1 - u lies in (0, 1], so the logarithm is finite
    angle = 2 * math.pi * u[1]
    z = torch.cat([radius * angle.cos(), radius * angle.sin()])
    return tensor.copy_((mean + std * z[: tensor.numel()]).view(tensor.shape))


def box_muller_std(shape: tuple[int, ...], mean: float = 0.0, std: float = 1.0) -> float:
    """Standard deviation, as asked for."""
    return std


if __name__ == "__main__":
    torch.manual_seed(0)
    n = 500_000
    ours = box_muller_(torch.empty(n)).sort().values
    reference = nn.init.normal_(torch.empty(n)).sort().values
    grid = torch.linspace(-4, 4, 401)
    distance = (torch.searchsorted(ours, grid) - torch.searchsorted(reference, grid)).abs().max() / n
    print(f"largest difference of the distribution functions below 0.004: {bool(distance < 0.004)}")
    print(f"std {ours.std():.2f}, beyond two std {(ours.abs() > 2).to(ours.dtype).mean():.1%}")
