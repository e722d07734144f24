"""Which elements of a (batch, channel, height, width) tensor share statistics in GRN, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import torch
from torch import Tensor, nn

from snippets.experiment import save_reach


class Respond(nn.Module):
    """Global response normalization with a weight of 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        size = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        return x + x * size / (size.mean(dim=1, keepdim=True) + 1e-6)


if __name__ == "__main__":
    save_reach("global-response-normalization-axes", "global response normalization", Respond())
