"""Pixel normalization without torch's function.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2017
"""

import torch
from torch import Tensor, nn


class PixelNorm(nn.Module):
    """Divides the channels of each pixel by their root mean square.

    Args:
        channels: of the input.
        eps: added to the mean square.
    """

    def __init__(self, channels: int, eps: float = 1e-8) -> None:
        super().__init__()
        self.channels, self.eps = channels, eps

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, *space) in and out; squares of half-precision inputs are added in float32."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean_square = wide.square().sum(dim=1, keepdim=True) / self.channels  # (batch, 1, *space)
        return (wide / (mean_square + self.eps).sqrt()).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(4, 16, 5, 5)
    reference = nn.RMSNorm(16, eps=1e-8, elementwise_affine=False)(x.movedim(1, -1)).movedim(-1, 1)
    difference = (PixelNorm(16)(x) - reference).abs().max().item()
    print(f"differs from torch.nn.RMSNorm over channels by less than 1e-5: {difference < 1e-5}")
