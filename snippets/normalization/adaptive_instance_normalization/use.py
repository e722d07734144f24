"""Adaptive instance normalization: mean and standard deviation of one image's channels, given to another image.

Source: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", 2017.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def adain(content: Tensor, style: Tensor, strength: float = 1.0, eps: float = 1e-5) -> Tensor:
    """Give each channel of the content the mean and standard deviation of that channel in the style.

    Args:
        content: features, (batch, channel, height, width).
        style: features of the same batch size and channels, of any height and width.
        strength: 0 leaves the content as it is, 1 takes the style's statistics fully.
        eps: added to variances, against division by zero.
    """
    over = tuple(range(2, style.dim()))
    var, mean = torch.var_mean(style, over, correction=0, keepdim=True)
    styled = F.instance_norm(content, eps=eps) * (var + eps).sqrt() + mean
    return torch.lerp(content, styled, strength)


if __name__ == "__main__":
    torch.manual_seed(0)
    content, style = torch.randn(4, 16, 8, 8), 5 * torch.rand(4, 16, 12, 12)
    mixed = adain(content, style)
    print(f"means are the style's: {torch.allclose(mixed.mean((2, 3)), style.mean((2, 3)), atol=1e-4)}")
    print(f"deviations, too: {torch.allclose(mixed.std((2, 3)), style.std((2, 3)), rtol=0.02)}")
