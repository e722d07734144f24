"""Which elements of a (batch, channel, height, width) tensor share statistics in SPADE, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import torch
from torch import Tensor, nn

from snippets.experiment import SHAPE, save_reach


class Spade(nn.BatchNorm2d):
    """Batch normalization with another scale and shift for each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        scale = torch.arange(1.0, 1 + x.size(3))
        return super().forward(x) * scale + scale


if __name__ == "__main__":
    save_reach("spade-axes", "SPADE on batch normalization", Spade(SHAPE[1]))
