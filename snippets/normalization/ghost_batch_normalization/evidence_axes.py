"""Which elements of a (batch, channel, height, width) tensor share statistics in ghost batch norm, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import torch
from torch import Tensor, nn

from snippets.experiment import SHAPE, save_reach


class Ghost(nn.BatchNorm2d):
    """Normalizes the first two samples and the rest apart."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        normalize = super().forward
        return torch.cat([normalize(part) for part in x.tensor_split([2])])


if __name__ == "__main__":
    save_reach("ghost-batch-normalization-axes", "ghost batch normalization, parts of 2", Ghost(SHAPE[1]))
