"""Group normalization with torch.nn.GroupNorm, and every batch normalization of a network replaced by it.

Source: Wu and He, "Group Normalization", 2018, section 3
"""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def group_norm(channels: int, groups: int = 32, eps: float = 1e-5, affine: bool = True) -> nn.GroupNorm:
    """The largest number of groups that divides both ``groups`` and the channels.

    Args:
        channels: channels of the input.
        groups: how many groups to take at most; the paper's default is 32.
        eps: added to the variance.
        affine: with a gain and a bias for each channel.
    """
    return nn.GroupNorm(math.gcd(groups, channels), channels, eps=eps, affine=affine)


def replace_batch_norm(model: nn.Module, groups: int = 32) -> nn.Module:
    """A copy of the model with a group normalization in place of each batch normalization.

    Gains and biases are taken over, running statistics are not: train or fine-tune the copy before you use it.
    """
    holder = nn.ModuleDict({"model": copy.deepcopy(model)})
    for parent in list(holder.modules()):
        for name, child in parent.named_children():
            if isinstance(child, BATCH_NORMS):
                made = group_norm(child.num_features, groups, child.eps, child.affine)
                if child.affine:
                    made.weight, made.bias = child.weight, child.bias
                parent.add_module(name, made)
    return holder["model"]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 24, 3), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, 64, 3), nn.BatchNorm2d(64))
    changed = replace_batch_norm(model)
    print([str(part) for part in changed.children() if isinstance(part, nn.GroupNorm)])
    x = torch.randn(8, 3, 10, 10)
    alone = torch.cat([changed(image) for image in x.split(1)])
    print(f"each image alone gives what it gives in the batch: {torch.allclose(alone, changed(x), atol=1e-5)}")
