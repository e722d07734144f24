"""Pixel normalization of generators with torch's RMS normalization, for features and for the latent vector.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2017
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PixelNorm(nn.Module):
    """Brings the channels of each pixel to mean square 1; it has no parameters and stores nothing.

    Args:
        eps: added to the mean square.
    """

    def __init__(self, eps: float = 1e-8) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, *space) in, the same shape out; (batch, feature), such as latent vectors, as well."""
        return F.rms_norm(x.movedim(1, -1), (x.shape[1],), eps=self.eps).movedim(-1, 1)


def generator_block(inputs: int, outputs: int) -> nn.Sequential:
    """Doubles the image, then convolves twice; each convolution is followed by LeakyReLU and pixel normalization."""
    layers: list[nn.Module] = [nn.Upsample(scale_factor=2)]
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1), nn.LeakyReLU(0.2), PixelNorm()]
    return nn.Sequential(*layers)


if __name__ == "__main__":
    torch.manual_seed(0)
    latent = PixelNorm()(torch.randn(4, 64))
    print(f"length of the latent vectors: {latent.norm(dim=1).mean().item():.1f}")
    x = 50 * torch.randn(4, 16, 4, 4)
    out = generator_block(16, 8)(x)
    print(f"shape {tuple(out.shape)}, mean square of each pixel {out.square().mean(dim=1).mean().item():.2f}")
