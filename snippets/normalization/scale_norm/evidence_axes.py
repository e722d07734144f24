"""Which elements of a (batch, channel, height, width) tensor share statistics in ScaleNorm, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from torch import Tensor, nn

from snippets.experiment import SHAPE, save_reach
from snippets.normalization.scale_norm.use import ScaleNorm


class ScaleNorm2d(nn.Module):
    """ScaleNorm over the channels of each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = ScaleNorm(SHAPE[1])

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, height, width)."""
        return self.norm(x.movedim(1, -1)).movedim(-1, 1)


if __name__ == "__main__":
    save_reach("scale-norm-axes", "ScaleNorm over channels", ScaleNorm2d())
