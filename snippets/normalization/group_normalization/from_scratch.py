"""Group normalization: mean and variance of each sample over its space and a group of its channels.

Source: Wu and He, "Group Normalization", 2018, equations 1 to 7
"""

import torch
from torch import Tensor, nn


class GroupNorm(nn.Module):
    """Mean 0 and variance 1 in each group of channels of each sample, then a gain and a bias for each channel.

    Args:
        channels: channels of the input, (batch, channels, *space).
        groups: groups of neighbouring channels; they divide the channels.
        eps: added to the variance.
        affine: has a gain and a bias for each channel.

    Raises:
        ValueError: when the groups do not divide the channels.
    """

    def __init__(self, channels: int, groups: int = 2, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        if channels % groups:
            raise ValueError(f"{channels} channels cannot be divided into {groups} groups")
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalized x, of the same shape and type."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision would lose the variance
        grouped = wide.unflatten(1, (self.groups, -1)).flatten(2)  # (batch, groups, channels of a group x space)
        var, mean = torch.var_mean(grouped, dim=2, correction=0, keepdim=True)
        y = ((grouped - mean) * (var + self.eps).rsqrt()).view_as(x)
        if self.weight is not None and self.bias is not None:
            shape = (-1,) + (1,) * (x.dim() - 2)
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 10 * torch.randn(4, 6, 5, 5, dtype=torch.float64) + 3
    ours, reference = GroupNorm(6, groups=3).double(), nn.GroupNorm(3, 6).double()
    print(f"largest difference to torch.nn.GroupNorm: {(ours(x) - reference(x)).abs().max().item():.0e}")
