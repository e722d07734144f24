"""Octave convolution: a part of the channels lives at half the resolution, and both parts exchange what they know.

Source: Chen et al., "Drop an Octave: Reducing Spatial Redundancy in Convolutional Neural Networks with Octave
Convolution", 2019, section 3.2
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OctaveConv2d(nn.Module):
    """A convolution with stride 1 between pairs of maps: fine ones, and coarse ones of half the height and width.

    Args:
        in_channels: of both parts of the input together.
        out_channels: of both parts of the output together.
        kernel_size: an odd number.
        alpha_in: share of the input's channels that are coarse; 0 in a network's first octave layer.
        alpha_out: share of the output's channels that are coarse; 0 in its last one.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, alpha_in: float, alpha_out: float
    ) -> None:
        super().__init__()
        self.fine_in, self.fine_out = (
            in_channels - int(alpha_in * in_channels),
            out_channels - int(alpha_out * out_channels),
        )
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)

    def forward(self, fine: Tensor, coarse: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """(batch, fine channels, height, width) and (batch, coarse channels, height / 2, width / 2), in and out."""
        weight, padding = self.conv.weight, self.conv.padding
        to_fine, to_coarse = weight[: self.fine_out], weight[self.fine_out :]  # one kernel, cut into four
        y, z = F.conv2d(fine, to_fine[:, : self.fine_in], padding=padding), None
        if coarse is not None:
            y = y + F.interpolate(F.conv2d(coarse, to_fine[:, self.fine_in :], padding=padding), scale_factor=2)
        if len(to_coarse):
            z = F.conv2d(F.avg_pool2d(fine, 2), to_coarse[:, : self.fine_in], padding=padding)
            if coarse is not None:
                z = z + F.conv2d(coarse, to_coarse[:, self.fine_in :], padding=padding)
        return y, z


class OctaveBlock(nn.Module):
    """Octave convolution, batch norm and ReLU; both parts have their own batch norm.

    Args:
        in_channels: of both parts of the input together.
        out_channels: of both parts of the output together.
        alpha_in: share of the input's channels that are coarse.
        alpha_out: share of the output's channels that are coarse.
    """

    def __init__(self, in_channels: int, out_channels: int, alpha_in: float = 0.25, alpha_out: float = 0.25) -> None:
        super().__init__()
        self.conv = OctaveConv2d(in_channels, out_channels, 3, alpha_in, alpha_out)
        fine = self.conv.fine_out
        self.norm_fine, self.norm_coarse = (
            nn.BatchNorm2d(fine),
            nn.BatchNorm2d(out_channels - fine) if alpha_out else None,
        )

    def forward(self, fine: Tensor, coarse: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Maps as those of the convolution."""
        fine, coarse = self.conv(fine, coarse)
        norm = self.norm_coarse
        return self.norm_fine(fine).relu(), None if coarse is None or norm is None else norm(coarse).relu()


if __name__ == "__main__":
    torch.manual_seed(0)
    first, middle, last = OctaveBlock(3, 32, alpha_in=0), OctaveBlock(32, 64), OctaveBlock(64, 64, alpha_out=0)
    maps: tuple[Tensor, Tensor | None] = (torch.rand(2, 3, 32, 32), None)
    for block in (first, middle, last):
        maps = block(*maps)
        print(" and ".join(str(tuple(m.shape)) for m in maps if m is not None))
