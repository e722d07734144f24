"""ScaleNorm in the place of layer normalization in a transformer block.

Source: Nguyen and Salazar, "Transformers without Tears: Improving the Normalization of Self-Attention", 2019, section 3
"""

import torch
from torch import Tensor, nn


class ScaleNorm(nn.Module):
    """``g * x / |x|`` over the last dimension, with one learned number g for the layer.

    Args:
        width: features; g starts at the root of it, so that outputs start with mean square 1.
        eps: smallest length to divide by.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.full((1,), width**0.5))  # FSDP refuses scalars, so one dimension
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x scaled to length g, of the same shape."""
        return self.g * nn.functional.normalize(x, dim=-1, eps=self.eps)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = ScaleNorm(64), torch.randn(2, 10, 64)
    lengths = layer(x).norm(dim=-1)
    print(f"lengths from {lengths.min().item():.3f} to {lengths.max().item():.3f}, parameters: {layer.g.numel()}")
    block = nn.Sequential(ScaleNorm(64), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64))
    print(f"before the layers of a residual block: {tuple((x + block(x)).shape)}")
