"""Dirac initialization by hand: one 1 in the middle of each kernel that joins a channel to itself.

Source: the interface of ``torch.nn.init.dirac_``.
"""

import torch
from torch import Tensor, nn


@torch.no_grad()
def dirac_(tensor: Tensor, groups: int = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill a weight (out, in / groups, *kernel) in place; channel d of each group is joined to channel d of its input.

    Args:
        tensor: weight of 3 to 5 dimensions.
        groups: number of groups of the convolution.
        generator: unused, since nothing is random.

    Raises:
        ValueError: for other numbers of dimensions, or if groups does not divide the output channels.
    """
    if tensor.dim() not in (3, 4, 5) or tensor.shape[0] % groups:
        raise ValueError(f"no kernel of {groups} groups: shape {tuple(tensor.shape)}")
    tensor.zero_()
    for group in tensor.chunk(groups):  # (out / groups, in / groups, *kernel)
        for _ in tensor.shape[2:]:
            group = group.select(2, group.shape[2] // 2)  # the middle of one kernel axis; (out, in) at the end
        group.fill_diagonal_(1)
    return tensor


if __name__ == "__main__":
    worst = 0.0
    for shape, groups in [((6, 4, 3), 1), ((6, 4, 3, 5), 1), ((8, 2, 3, 3), 4), ((6, 3, 3, 3, 3), 2)]:
        difference = dirac_(torch.empty(shape), groups) - nn.init.dirac_(torch.empty(shape), groups)
        worst = max(worst, difference.abs().max().item())
    print(f"largest difference from torch.nn.init.dirac_: {worst:.0e}")
