"""Layer normalization of sequences with torch.nn.LayerNorm, and of image maps over their channels.

Source: Ba et al., "Layer Normalization", 2016, section 3.
"""

import torch
from torch import Tensor, nn


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of each pixel, as in ConvNeXt; takes LayerNorm's arguments, the channels first."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, height, width); the shape stays."""
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


if __name__ == "__main__":
    torch.manual_seed(0)
    tokens = 5 + 3 * torch.randn(2, 7, 64)  # (batch, tokens, features)
    out = nn.LayerNorm(64)(tokens)
    print(f"largest mean of a token: {out.mean(dim=-1).abs().max().item():.3f}")
    print(f"mean square of each token is 1: {torch.allclose(out.square().mean(dim=-1), torch.ones(2, 7), atol=1e-3)}")
    maps = torch.randn(2, 16, 8, 8)  # (batch, channels, height, width)
    print(f"maps keep their shape: {tuple(LayerNorm2d(16)(maps).shape)}")
    alone, together = nn.LayerNorm(64)(tokens[:1]), nn.LayerNorm(64)(tokens)[:1]
    print(f"a sample alone and in its batch differ by {(alone - together).abs().max().item():.0e}")
