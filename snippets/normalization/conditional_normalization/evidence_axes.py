"""Which elements of a (batch, channel, height, width) tensor share statistics in conditional norm, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import torch
from torch import Tensor, nn

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.conditional_normalization.use import ConditionalNorm


class OneConditionASample(nn.Module):
    """Batch normalization with another scale and shift for each sample."""

    def __init__(self) -> None:
        super().__init__()
        samples, channels = SHAPE[:2]
        self.norm = ConditionalNorm(nn.BatchNorm2d(channels, affine=False), channels, samples)
        nn.init.normal_(self.norm.to_affine.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        return self.norm(x, torch.eye(len(x), dtype=x.dtype))


if __name__ == "__main__":
    torch.manual_seed(0)
    save_reach("conditional-normalization-axes", "conditional batch normalization", OneConditionASample())
