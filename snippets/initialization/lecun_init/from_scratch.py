"""LeCun initialization in the two other forms one meets: uniform, and normal truncated as in Keras, JAX and timm.

Source: LeCun et al., "Efficient BackProp", 1998, section 4.6.
"""

import math

import torch
from torch import Tensor, nn

CUT = 2.0  # the truncated form keeps draws within two standard deviations ...
SHRINK = math.sqrt(1 - CUT * math.sqrt(2 / math.pi) * math.exp(-(CUT**2) / 2) / math.erf(CUT / math.sqrt(2)))  # 0.8796


def lecun_uniform_std(shape: tuple[int, ...]) -> float:
    """Standard deviation 1 / sqrt(fan_in) of a weight (out, in, *kernel)."""
    return 1 / math.sqrt(math.prod(shape[1:]))


lecun_truncated_std = lecun_uniform_std


@torch.no_grad()
def lecun_uniform_(tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place from U(-b, b), b = sqrt(3 / fan_in)."""
    bound = math.sqrt(3) * lecun_uniform_std(tuple(tensor.shape))
    return tensor.uniform_(-bound, bound, generator=generator)


@torch.no_grad()
def lecun_truncated_(tensor: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place from a truncated normal distribution that has variance 1 / fan_in after the cut."""
    std = lecun_truncated_std(tuple(tensor.shape)) / SHRINK  # ... so the normal before the cut must be wider
    edge = math.erf(CUT / math.sqrt(2))
    tensor.uniform_(-edge, edge, generator=generator).erfinv_().mul_(math.sqrt(2) * std)  # inverse of the distribution
    return tensor.clamp_(-CUT * std, CUT * std)


if __name__ == "__main__":
    torch.manual_seed(0)
    w = lecun_uniform_(torch.empty(200, 300))
    torch.manual_seed(0)
    reference = nn.init.kaiming_uniform_(torch.empty(200, 300), nonlinearity="linear")
    print(
        f"largest difference from torch's kaiming_uniform_ with 'linear', same seed: {(w - reference).abs().max():.0e}"
    )
    truncated = lecun_truncated_(torch.empty(500, 400)) * math.sqrt(400)
    print(
        f"truncated: standard deviation {truncated.std():.2f}, largest {truncated.abs().max():.2f}, in 1/sqrt(fan_in)"
    )
