"""Layer normalization over the last dimension, without torch's function.

Source: Ba et al., "Layer Normalization", 2016, section 3.
"""

import torch
from torch import Tensor, nn


class LayerNorm(nn.Module):
    """Gives every vector along the last dimension mean 0 and variance 1, then a learned scale and shift.

    Args:
        features: length of the last dimension.
        eps: added to the variance, against division by zero.
        affine: learn a scale for each feature.
        bias: learn a shift for each feature, too; without effect where ``affine`` is false.
    """

    def __init__(self, features: int, eps: float = 1e-5, affine: bool = True, bias: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(features)) if affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (…, features); statistics of half-precision inputs are computed in float32."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        centred = wide - wide.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)  # biased: divided by features, not by features - 1
        out = centred * torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            out = out * self.weight
        if self.bias is not None:
            out = out + self.bias
        return out.to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, theirs = LayerNorm(32), nn.LayerNorm(32)
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 10, 32)
    difference = (ours(x) - theirs(x)).abs().max().item()
    print(f"differs from torch.nn.LayerNorm by less than 1e-5: {difference < 1e-5}")
