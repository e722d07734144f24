"""Which elements of a (batch, channel, height, width) tensor share statistics in a mixture of three, by its gradients.

Source: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", 2018.
"""

import torch
from torch import Tensor, nn

from snippets.experiment import save_reach


class Mixture(nn.Module):
    """Instance, layer and batch statistics in equal parts, as at the start of training."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, height, width)."""
        scopes = [torch.var_mean(x, dim=dims, keepdim=True) for dims in ((2, 3), (1, 2, 3), (0, 2, 3))]
        variance, mean = (scopes[0][i] / 3 + scopes[1][i] / 3 + scopes[2][i] / 3 for i in range(2))
        return (x - mean) * torch.rsqrt(variance + 1e-5)


if __name__ == "__main__":
    save_reach("switchable-normalization-axes", "switchable normalization", Mixture())
