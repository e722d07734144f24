"""Constant initialization without nn.init: copy one number over the whole tensor, outside autograd.

Source: torch.nn.init.constant_, ones_ and zeros_, which are Tensor.fill_ and Tensor.zero_ under no_grad.
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def fill_constant_(tensor: Tensor, value: float = 0.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill in place; under no_grad, since a leaf that requires gradients may not be written otherwise."""
    return tensor.copy_(torch.tensor(value, dtype=tensor.dtype, device=tensor.device).expand_as(tensor))


def fill_constant_std(shape: tuple[int, ...], value: float = 0.0) -> float:
    """Standard deviation of a constant: 0."""
    return 0.0


if __name__ == "__main__":
    pairs = [
        (fill_constant_(torch.empty(3, 5), 0.3), nn.init.constant_(torch.empty(3, 5), 0.3)),
        (fill_constant_(torch.empty(3, 5), 1.0), nn.init.ones_(torch.empty(3, 5))),
        (fill_constant_(torch.empty(3, 5), 0.0), nn.init.zeros_(torch.empty(3, 5))),
    ]
    print(f"largest difference from torch {max((a - b).abs().max().item() for a, b in pairs):.0e}")
    parameter = nn.Parameter(torch.empty(4))
    print("still a trainable leaf", fill_constant_(parameter, 2.0).is_leaf and parameter.requires_grad)
