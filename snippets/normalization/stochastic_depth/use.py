"""Residual blocks whose branch is dropped for some samples, at a rate that grows with depth.

Source: Huang et al., "Deep Networks with Stochastic Depth", 2016
"""

import torch
from torch import Tensor, nn


class DropPath(nn.Module):
    """Sets its input to zero for a share p of the samples, and divides the others by 1 - p; for residual branches.

    Args:
        p: share of the samples, from 0 to below 1.

    Raises:
        ValueError: when p is outside of that.
    """

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must be at least 0 and below 1, got {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(batch, ...) in, the same shape out; in evaluation mode x as it is."""
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty(x.shape[:1] + (1,) * (x.dim() - 1)).bernoulli_(1 - self.p)  # one draw for each sample
        return x * kept.div_(1 - self.p)


class Residual(nn.Module):
    """x + branch(x), where the branch is dropped for a share p of the samples."""

    def __init__(self, branch: nn.Module, p: float = 0.0) -> None:
        super().__init__()
        self.branch, self.drop_path = branch, DropPath(p)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, ...) in, the same shape out."""
        return x + self.drop_path(self.branch(x))


def drop_path_rates(depth: int, last: float) -> list[float]:
    """Rates for ``depth`` blocks that grow linearly from 0 in the first to ``last`` in the last."""
    return [last * i / max(depth - 1, 1) for i in range(depth)]


if __name__ == "__main__":
    torch.manual_seed(0)
    rates = drop_path_rates(depth=6, last=0.5)
    blocks = [nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 32), nn.GELU()) for _ in rates]
    model = nn.Sequential(*(Residual(block, p) for block, p in zip(blocks, rates, strict=True)))
    print(f"rates: {[round(p, 1) for p in rates]}")
    x = torch.randn(8, 32)
    print(f"training: two passes are equal: {torch.equal(model(x), model(x))}")
    model.eval()
    print(f"evaluation: two passes are equal: {torch.equal(model(x), model(x))}")
