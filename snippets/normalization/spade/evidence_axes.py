"""Which elements of a (batch, channel, height, width) tensor share statistics in SPADE, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import torch
from torch import Tensor, nn

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.spade.use import SPADE


class OneMap(nn.Module):
    """SPADE on statistics of the batch, with another label for each column of pixels."""

    def __init__(self) -> None:
        super().__init__()
        channels, _, width = SHAPE[1:]
        self.norm = SPADE(nn.BatchNorm2d(channels, affine=False), channels, labels=width, hidden=4)

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        columns = torch.eye(x.size(3), dtype=x.dtype).unsqueeze(1)  # (labels, 1, width)
        return self.norm(x, columns.expand(len(x), -1, x.size(2), -1))


if __name__ == "__main__":
    torch.manual_seed(0)
    save_reach("spade-axes", "SPADE on batch normalization", OneMap())
