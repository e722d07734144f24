"""Which elements of a (batch, channel, height, width) tensor share statistics in AdaIN, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import torch
from torch import Tensor, nn

from snippets.experiment import save_reach
from snippets.normalization.adaptive_instance_normalization.use import adain


class ToOneStyle(nn.Module):
    """Adaptive instance normalization to one fixed style."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        return adain(x, torch.arange(x.numel(), dtype=x.dtype).view_as(x))


if __name__ == "__main__":
    save_reach("adaptive-instance-normalization-axes", "adaptive instance normalization", ToOneStyle())
