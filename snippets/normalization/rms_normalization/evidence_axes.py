"""Which elements of a (batch, channel, height, width) tensor share statistics in RMS normalization, by its gradients.

Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
"""

from torch import Tensor, nn

from snippets.experiment import SHAPE, save_reach


class RMSNorm2d(nn.RMSNorm):
    """RMSNorm over the channels of each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, height, width)."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


if __name__ == "__main__":
    save_reach("rms-normalization-axes", "RMS normalization", RMSNorm2d(SHAPE[1]))
