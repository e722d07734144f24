"""Which elements of a (batch, channel, height, width) tensor share statistics in AdaIN, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import torch
from torch import Tensor, nn

from snippets.experiment import SHAPE, save_reach


class AdaIN(nn.Module):
    """Adaptive instance normalization to one fixed style."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        std, mean = torch.linspace(1, 2, SHAPE[1]).double(), torch.linspace(-1, 1, SHAPE[1]).double()
        return nn.functional.instance_norm(x, weight=std, bias=mean)


if __name__ == "__main__":
    save_reach("adaptive-instance-normalization-axes", "adaptive instance normalization", AdaIN())
