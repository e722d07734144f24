"""A convolution that also sees where each pixel stands: two more channels hold its row and its column.

Source: Liu et al., "An Intriguing Failing of Convolutional Neural Networks and the CoordConv Solution", 2018, section 3
"""

from typing import Any

import torch
from torch import Tensor, nn


def coordinates(x: Tensor, radius: bool = False) -> Tensor:
    """(1, 2, height, width): rows and columns from -1 to 1; with ``radius``, the distance to the middle as a third."""
    height, width = x.shape[-2:]
    ends = [(-1.0, 1.0) if size > 1 else (0.0, 0.0) for size in (height, width)]
    rows, columns = (
        torch.linspace(*end, size, device=x.device, dtype=x.dtype)
        for end, size in zip(ends, (height, width), strict=True)
    )
    maps = [rows[:, None].expand(height, width), columns.expand(height, width)]
    if radius:
        maps.append((maps[0].square() + maps[1].square()).sqrt())
    return torch.stack(maps)[None]


class CoordConv2d(nn.Module):
    """nn.Conv2d for the input and its coordinates.

    Args:
        in_channels: of the input, coordinates not counted.
        out_channels: of the output.
        kernel_size: of the convolution.
        radius: whether the distance to the middle is a third coordinate.
        settings: all further arguments of nn.Conv2d by name.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, radius: bool = False, **settings: Any
    ) -> None:
        super().__init__()
        self.radius = radius
        self.conv = nn.Conv2d(in_channels + 2 + radius, out_channels, kernel_size, **settings)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) in, (batch, out_channels, rows, columns) out."""
        where = coordinates(x, self.radius).expand(len(x), -1, -1, -1)
        return self.conv(torch.cat([x, where], dim=1))


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = CoordConv2d(3, 8, 3, padding=1)
    print(f"output for a map of 16 by 24: {tuple(layer(torch.rand(2, 3, 16, 24)).shape)}")
    print(f"coordinates of the corners: {coordinates(torch.rand(1, 1, 16, 24))[0, :, ::15, ::23].flatten(1).tolist()}")
    weights = (layer.conv.weight.numel(), nn.Conv2d(3, 8, 3).weight.numel())
    print(f"weights with and without coordinates: {weights}")
