"""Xavier initialization without torch.nn.init: two fans, one compromise, two distributions.

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
"""

import math

import torch
from torch import Tensor, nn


def xavier_uniform_std(shape: tuple[int, ...], gain: float = 1.0) -> float:
    """Standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Args:
        shape: of the weight, (out, in, *kernel); both fans count the whole kernel.
        gain: factor for the activation that follows; 1 in the paper.

    Raises:
        ValueError: for fewer than two dimensions.
    """
    if len(shape) < 2:
        raise ValueError(f"a weight of shape {shape} has no fans")
    return gain * math.sqrt(2 / ((shape[0] + shape[1]) * math.prod(shape[2:])))


xavier_normal_std = xavier_uniform_std  # both distributions have the same variance


@torch.no_grad()
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place from U(-b, b) with b = gain * sqrt(6 / (fan_in + fan_out)): the paper's form."""
    bound = math.sqrt(3) * xavier_uniform_std(tuple(tensor.shape), gain)
    return tensor.uniform_(-bound, bound, generator=generator)


@torch.no_grad()
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight in place from a normal distribution of the same variance."""
    return tensor.normal_(0, xavier_normal_std(tuple(tensor.shape), gain), generator=generator)


if __name__ == "__main__":
    worst = 0.0
    for ours, torchs in [(xavier_uniform_, nn.init.xavier_uniform_), (xavier_normal_, nn.init.xavier_normal_)]:
        for shape, gain in [((40, 30), 1.0), ((8, 6, 3, 3), 5 / 3)]:
            torch.manual_seed(0)
            w = ours(torch.empty(shape), gain)
            torch.manual_seed(0)
            worst = max(worst, (w - torchs(torch.empty(shape), gain)).abs().max().item())
    print(f"largest difference from torch.nn.init, same seed: {worst:.0e}")
    n, m = 1024, 256  # features in and out
    variance = xavier_uniform_std((m, n)) ** 2
    print(f"1024 to 256 features: signal times {n * variance:.1f}, gradient times {m * variance:.1f}")
