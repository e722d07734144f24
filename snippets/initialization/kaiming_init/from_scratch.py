"""Kaiming initialization without torch.nn.init: fan, gain, and the two distributions.

Source: He et al., "Delving Deep into Rectifiers", 2015, section 2.2; the uniform form is torch's.
"""

import math

import torch
from torch import Tensor, nn


def kaiming_normal_std(shape: tuple[int, ...], a: float = 0.0, mode: str = "fan_in") -> float:
    """Standard deviation sqrt(2 / ((1 + a^2) fan)).

    Args:
        shape: of the weight, (out, in, *kernel).
        a: slope of the activation for negative inputs; 0 is ReLU.
        mode: "fan_in" keeps the forward signal, "fan_out" the gradient.

    Raises:
        ValueError: for fewer than two dimensions or an unknown mode.
    """
    if len(shape) < 2 or mode not in ("fan_in", "fan_out"):
        raise ValueError(f"no fan: shape {shape}, mode {mode!r}")
    fan = shape[1 if mode == "fan_in" else 0] * math.prod(shape[2:])
    return math.sqrt(2 / ((1 + a**2) * fan))


kaiming_uniform_std = kaiming_normal_std  # both distributions have the same variance


@torch.no_grad()
def kaiming_normal_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", generator: torch.Generator | None = None
) -> Tensor:
    """Fill a weight (out, in, *kernel) in place from N(0, std^2); arguments as in ``kaiming_normal_std``."""
    return tensor.normal_(0, kaiming_normal_std(tuple(tensor.shape), a, mode), generator=generator)


@torch.no_grad()
def kaiming_uniform_(
    tensor: Tensor, a: float = 0.0, mode: str = "fan_in", generator: torch.Generator | None = None
) -> Tensor:
    """Fill a weight (out, in, *kernel) in place from U(-sqrt(3) std, sqrt(3) std)."""
    bound = math.sqrt(3) * kaiming_uniform_std(tuple(tensor.shape), a, mode)
    return tensor.uniform_(-bound, bound, generator=generator)


if __name__ == "__main__":
    worst = 0.0
    for ours, torchs in [(kaiming_normal_, nn.init.kaiming_normal_), (kaiming_uniform_, nn.init.kaiming_uniform_)]:
        for a, mode in [(0.0, "fan_in"), (0.25, "fan_out"), (math.sqrt(5), "fan_in")]:
            torch.manual_seed(0)
            w = ours(torch.empty(32, 16, 3, 3), a, mode)
            torch.manual_seed(0)
            reference = torchs(torch.empty(32, 16, 3, 3), a=a, mode=mode)  # type: ignore[arg-type]
            worst = max(worst, (w - reference).abs().max().item())
    print(f"largest difference from torch.nn.init, same seed: {worst:.0e}")
    print(f"nn.Linear(512, 512) draws with a = sqrt(5): std {kaiming_uniform_std((512, 512), math.sqrt(5)):.4f}")
    print(f"a ReLU needs a = 0: std {kaiming_uniform_std((512, 512)):.4f}")
