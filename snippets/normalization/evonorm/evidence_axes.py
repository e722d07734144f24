"""Which elements of a (batch, channel, height, width) tensor share statistics in EvoNorm-S0, by its gradients.

Source: Liu et al., "Evolving Normalization-Activation Layers", 2020.
"""

from torch import Tensor, nn

from snippets.experiment import save_reach


class S0(nn.Module):
    """Two groups of channels; without scale and shift, which bring no other element in."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        std = x.unflatten(1, (2, -1)).var(dim=(2, 3, 4), keepdim=True, correction=0).sqrt()  # (batch, 2, 1, 1, 1)
        return (nn.functional.silu(x).unflatten(1, (2, -1)) / std).flatten(1, 2)


if __name__ == "__main__":
    save_reach("evonorm-axes", "EvoNorm-S0, two groups", S0())
