"""The norm of many gradients as one vector, from the norms of its parts, and the ratio of update to weight.

Source: PyTorch documentation, torch.nn.utils.get_total_norm.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def total_norm(gradients: Sequence[Tensor], norm_type: float = 2.0) -> Tensor:
    """The p-norm of all numbers of all gradients, with no long vector being made.

    Args:
        gradients: tensors of any shapes; none at all has norm 0.
        norm_type: p, over 0; ``inf`` for the largest absolute value.
    """
    if not gradients:
        return torch.tensor(0.0)
    if math.isinf(norm_type):
        return torch.stack([g.abs().max() for g in gradients]).max()
    return torch.stack([g.abs().pow(norm_type).sum() for g in gradients]).sum() ** (1 / norm_type)


def update_ratio(before: Tensor, after: Tensor) -> Tensor:
    """Norm of the change over the norm of what was there.

    Args:
        before: a weight before the step, not all 0.
        after: the same weight after it.
    """
    return total_norm([after - before]) / total_norm([before])


if __name__ == "__main__":
    torch.manual_seed(0)
    gradients = [torch.randn(64, 64), torch.randn(64), torch.randn(3, 3, 3)]
    for p in (1.0, 2.0, 3.0, math.inf):
        gap = total_norm(gradients, p) / torch.nn.utils.get_total_norm(gradients, p) - 1
        print(f"p = {p}: within 1e-6 of torch's: {abs(gap.item()) < 1e-6}")
    weight = torch.full((100,), 2.0)
    print(f"ratio of a step of 0.002 at weights of 2: {update_ratio(weight, weight - 0.002).item():.0e}")
