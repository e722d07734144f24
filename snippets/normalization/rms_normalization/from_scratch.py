"""RMS normalization over the last dimension, without torch's function.

Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
"""

import torch
from torch import Tensor, nn


class RMSNorm(nn.Module):
    """Divides every vector along the last dimension by its root mean square, then multiplies by a learned scale.

    Args:
        features: length of the last dimension.
        eps: added to the mean square, against division by zero; torch's default is the machine precision.
        affine: learn a scale for each feature.
    """

    def __init__(self, features: int, eps: float | None = None, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(features)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (…, features); the mean square of half-precision inputs is computed in float32."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        eps = torch.finfo(wide.dtype).eps if self.eps is None else self.eps
        out = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + eps)
        if self.weight is not None:
            out = out * self.weight
        return out.to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, theirs = RMSNorm(32), nn.RMSNorm(32)
    nn.init.normal_(theirs.weight)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 10, 32)
    difference = (ours(x) - theirs(x)).abs().max().item()
    print(f"differs from torch.nn.RMSNorm by less than 1e-5: {difference < 1e-5}")
