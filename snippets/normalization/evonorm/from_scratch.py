"""EvoNorm-S0 for (batch, channel, *space).

Source: Liu et al., "Evolving Normalization-Activation Layers", 2020.
"""

import torch
from torch import Tensor, nn


class EvoNormS0(nn.Module):
    """x times sigmoid(v x), divided by the standard deviation of its group; scale and shift follow.

    Args:
        channels: their number.
        groups: of channels that share a standard deviation.
        eps: added to the variance.

    Raises:
        ValueError: unless ``groups`` divides ``channels``.
    """

    def __init__(self, channels: int, groups: int = 2, eps: float = 1e-5) -> None:
        super().__init__()
        if channels % groups:
            raise ValueError(f"{groups} groups do not divide {channels} channels")
        self.groups, self.eps = groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.v = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, *space), without a statistic of the batch."""
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        wide = x if x.dtype == torch.float64 else x.float()
        grouped = wide.reshape(x.shape[0], self.groups, -1)  # (batch, groups, channels and places of a group)
        centred = grouped - grouped.mean(dim=2, keepdim=True)
        std = (centred.square().mean(dim=2, keepdim=True) + self.eps).sqrt()
        swished = wide * torch.sigmoid(self.v.view(shape) * wide)  # the mean is not subtracted here
        y = (swished.reshape_as(grouped) / std).view_as(wide)
        return (y * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 1 + 2 * torch.randn(4, 16, 6, 6, dtype=torch.float64)
    layer = EvoNormS0(16, groups=4).double()
    std = x.unflatten(1, (4, 4)).std(dim=(2, 3, 4), correction=0).repeat_interleave(4, dim=1)[:, :, None, None]
    difference = (layer(x) - nn.functional.silu(x) / std).abs().max().item()
    print(f"differs from torch's SiLU over the standard deviation by less than 1e-5: {difference < 1e-5}")
    other = nn.functional.silu(nn.functional.group_norm(x, 4))
    print(f"and from SiLU of a group norm by {(layer(x) - other).abs().max().item():.1f}")
