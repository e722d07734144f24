"""Which elements of a (batch, channel, height, width) tensor share statistics in ScaleNorm, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

from torch import Tensor, nn

from snippets.experiment import save_reach


class ScaleNorm2d(nn.Module):
    """ScaleNorm over the channels of each pixel, with g = 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, height, width)."""
        return nn.functional.normalize(x, dim=1)


if __name__ == "__main__":
    save_reach("scale-norm-axes", "ScaleNorm over channels", ScaleNorm2d())
