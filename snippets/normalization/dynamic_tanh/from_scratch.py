"""Dynamic tanh, and its derivative written out.

Source: Zhu et al., "Transformers without Normalization", 2025, section 4
"""

import torch
from torch import Tensor, nn


class DynamicTanh(nn.Module):
    """Bounds each feature by a tanh whose slope is learned.

    Args:
        features: size of the last dimension.
        alpha: where the slope starts.
    """

    def __init__(self, features: int, alpha: float = 0.5) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), alpha))
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, x: Tensor) -> Tensor:
        """tanh(alpha x) times the gain plus the bias, of the shape and type of x."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        grown = (2 * (self.alpha * wide).clamp(-20, 20)).exp()  # beyond 20, tanh is 1 to the last digit
        return ((grown - 1) / (grown + 1) * self.weight + self.bias).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 10 * torch.randn(4, 6, 16, dtype=torch.float64)
    layer = DynamicTanh(16).double()
    print(f"largest difference to torch.tanh(x / 2): {(layer(x) - torch.tanh(x / 2)).abs().max().item():.0e}")
