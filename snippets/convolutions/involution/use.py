"""Involution: each pixel computes the kernel that is applied around it, and groups of channels share that kernel.

Source: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition", 2021, algorithm 1
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Involution(nn.Module):
    """A weighted sum over each pixel's neighbourhood whose weights come from the pixel itself.

    Args:
        channels: of the input and the output.
        kernel: height and width of the neighbourhood, odd.
        stride: 2 halves height and width; the kernels then come from means of 2 by 2 pixels.
        group_channels: how many channels share a kernel.
        reduction: how many times fewer channels stand between the pixel and its kernels.

    Raises:
        ValueError: unless ``group_channels`` and ``reduction`` both divide ``channels``.
    """

    def __init__(
        self, channels: int, kernel: int = 7, stride: int = 1, group_channels: int = 16, reduction: int = 4
    ) -> None:
        super().__init__()
        if channels % group_channels or channels % reduction:
            raise ValueError(f"{channels} channels cannot be divided by {group_channels} and by {reduction}")
        self.kernel, self.stride, self.groups = kernel, stride, channels // group_channels
        self.pool = nn.AvgPool2d(stride, stride, ceil_mode=True) if stride > 1 else nn.Identity()
        hidden = channels // reduction
        self.reduce = nn.Sequential(nn.Conv2d(channels, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU())
        self.span = nn.Conv2d(hidden, kernel**2 * self.groups, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels, height / stride, width / stride) out, rounded up."""
        weight = self.span(self.reduce(self.pool(x))).unflatten(1, (self.groups, 1, self.kernel**2))
        patches = F.unfold(x, self.kernel, padding=self.kernel // 2, stride=self.stride)  # (batch, c * k², places)
        patches = patches.unflatten(2, weight.shape[-2:]).unflatten(1, (self.groups, -1, self.kernel**2))
        return (weight * patches).sum(dim=3).flatten(1, 2)  # the sum goes over the k² pixels


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = Involution(64), torch.randn(2, 64, 14, 14)  # (batch, channels, height, width)
    print(f"{tuple(x.shape)} -> {tuple(layer(x).shape)}")
    sizes = {
        type(m).__name__: sum(p.numel() for p in m.parameters()) for m in (layer, nn.Conv2d(64, 64, 3, bias=False))
    }
    print(f"parameters: {sizes['Involution']:,} for 7 by 7, an ordinary 3 by 3 convolution has {sizes['Conv2d']:,}")
