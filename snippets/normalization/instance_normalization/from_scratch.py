"""Instance normalization: mean and variance of each channel of each sample over its space.

Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016
"""

import torch
from torch import Tensor, nn


class InstanceNorm(nn.Module):
    """Mean 0 and variance 1 in each channel of each sample, then a gain and a bias where they are asked for.

    Args:
        channels: channels of the input, (batch, channels, *space).
        eps: added to the variance.
        affine: has a gain and a bias for each channel; torch's default is not to have them.
    """

    def __init__(self, channels: int, eps: float = 1e-5, affine: bool = False) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalized x, of the same shape and type."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision would lose the variance
        var, mean = torch.var_mean(wide, dim=list(range(2, x.dim())), correction=0, keepdim=True)
        y = (wide - mean) * (var + self.eps).rsqrt()
        if self.weight is not None and self.bias is not None:
            shape = (-1,) + (1,) * (x.dim() - 2)
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 10 * torch.randn(4, 6, 5, 5, dtype=torch.float64) + 3
    ours, reference = InstanceNorm(6, affine=True).double(), nn.InstanceNorm2d(6, affine=True).double()
    print(f"largest difference to torch.nn.InstanceNorm2d: {(ours(x) - reference(x)).abs().max().item():.0e}")
