"""ReZero: a residual branch behind one learned scalar that starts at zero.

Source: Bachlechner et al., "ReZero is All You Need: Fast Convergence at Large Depth", 2020.
"""

import torch
from torch import Tensor, nn


class ReZero(nn.Module):
    """``x + alpha * branch(x)`` with a learned scalar ``alpha`` that starts at 0.

    Args:
        branch: any module whose output has its input's shape. Initialize it as if it stood alone (Kaiming for ReLU).

    Shape:
        (*) -> (*), the branch's own shape.
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.alpha * self.branch(x)


def rezero_mlp(width: int, depth: int) -> nn.Sequential:
    """``depth`` residual layers of ``width`` units without normalization."""
    layers = []
    for _ in range(depth):
        linear = nn.Linear(width, width)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers.append(ReZero(nn.Sequential(linear, nn.ReLU())))
    return nn.Sequential(*layers)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = rezero_mlp(width=32, depth=100)
    x = torch.randn(8, 32)  # (batch, features)
    print("output equals input:", torch.equal(model(x), x))
    jacobian = torch.autograd.functional.jacobian(model, x[:1])[0, :, 0]  # (out, in)
    values = torch.linalg.svdvals(jacobian)
    print(f"singular values of the Jacobian, 100 layers: {values.min():.1f} to {values.max():.1f}")
