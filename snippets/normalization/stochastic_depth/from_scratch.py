"""Stochastic depth as the paper has it: a dropped block is not computed at all, and evaluation multiplies the branch.

Source: Huang et al., "Deep Networks with Stochastic Depth", 2016, section 3
"""

import torch
from torch import Tensor, nn


class SkippedBlock(nn.Module):
    """x + branch(x); in training the whole batch skips the branch with probability p.

    In training the branch is added as it is, and in evaluation times 1 - p, its expected share.
    """

    def __init__(self, branch: nn.Module, p: float = 0.5) -> None:
        super().__init__()
        self.branch, self.p = branch, p

    def forward(self, x: Tensor) -> Tensor:
        """(batch, ...) in, the same shape out."""
        if not self.training:
            return x + (1 - self.p) * self.branch(x)
        if torch.rand(()).item() < self.p:
            return x  # nothing is computed, and the branch's parameters get no gradient
        return x + self.branch(x)


def survival(depth: int, last: float = 0.5) -> list[float]:
    """Probabilities with which block l of ``depth`` survives: 1 - l / depth * (1 - last), l from 1."""
    return [1 - block / depth * (1 - last) for block in range(1, depth + 1)]


if __name__ == "__main__":
    torch.manual_seed(0)
    linear, x = nn.Linear(4, 4), torch.randn(2, 4)
    block = SkippedBlock(linear, p=0.3)
    with torch.no_grad():
        mean = torch.stack([block(x) for _ in range(20_000)]).mean(dim=0)
        expected = block.eval()(x)
    print(
        f"mean of 20,000 training passes and evaluation are equal to 0.02: {torch.allclose(mean, expected, atol=0.02)}"
    )
    print(f"expected number of blocks, of 54: {sum(survival(54)):.2f}")
