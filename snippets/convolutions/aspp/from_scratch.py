"""Atrous spatial pyramid pooling from sums of shifted maps: a 3 × 3 branch with rate r reads nine places, r apart.

Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section 3.3
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def probe(x: Tensor, weight: Tensor, rate: int) -> Tensor:
    """Nine copies of the map (batch, channels, height, width), moved by -rate, 0 or rate, mixed and added up."""
    height, width = x.shape[2:]
    padded = F.pad(x, (rate, rate, rate, rate))
    y = x.new_zeros(len(x), len(weight), height, width)
    for i in range(3):
        for j in range(3):
            moved = padded[:, :, i * rate : i * rate + height, j * rate : j * rate + width]
            y = y + torch.einsum("oc,bchw->bohw", weight[:, :, i, j], moved)
    return y


def pyramid(x: Tensor, point: Tensor, probes: dict[int, Tensor], whole: Tensor) -> Tensor:
    """What the branches see, before normalization: (batch, outputs * (rates + 2), height, width).

    Args:
        x: the map (batch, channels, height, width).
        point: weight (outputs, channels) of the 1 × 1 branch.
        probes: for each rate the weight (outputs, channels, 3, 3) of its branch.
        whole: weight (outputs, channels) of the branch that sees the mean of the map.
    """
    at_each_place = torch.einsum("oc,bchw->bohw", point, x)
    mean = x.mean(dim=(2, 3)) @ whole.T  # (batch, outputs)
    everywhere = mean[:, :, None, None].expand_as(at_each_place)
    return torch.cat([at_each_place, *(probe(x, w, rate) for rate, w in probes.items()), everywhere], dim=1)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, weight = torch.randn(2, 8, 15, 13, dtype=torch.float64), torch.randn(4, 8, 3, 3, dtype=torch.float64)
    for rate in (1, 6, 18):
        difference = (probe(x, weight, rate) - F.conv2d(x, weight, padding=rate, dilation=rate)).abs().max()
        print(f"rate {rate}: largest difference to torch.nn.functional.conv2d below 1e-12: {difference < 1e-12}")
    y = pyramid(x, weight[..., 0, 0], {6: weight, 12: weight}, weight[..., 1, 1])
    print(f"four branches: {tuple(y.shape)}")
