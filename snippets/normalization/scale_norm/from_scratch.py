"""ScaleNorm: each token is scaled to a length that is learned.

Source: Nguyen and Salazar, "Transformers without Tears: Improving the Normalization of Self-Attention", 2019, section 3
"""

import torch
from torch import Tensor, nn


class ScaleNorm(nn.Module):
    """Scales each token to length g.

    Args:
        features: size of the last dimension; g starts at the root of it.
        eps: smallest length to divide by.
    """

    def __init__(self, features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.full((1,), features**0.5))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """x, each token of it with length g, of the same shape and type."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # squares overflow in half precision
        length = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        return (self.g * wide / length.clamp(min=self.eps)).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 10 * torch.randn(4, 6, 64, dtype=torch.float64)
    ours, reference = ScaleNorm(64).double(), nn.RMSNorm(64, eps=0.0).double()
    print(f"largest difference to torch.nn.RMSNorm at the start: {(ours(x) - reference(x)).abs().max().item():.0e}")
