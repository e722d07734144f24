"""The L2 penalty, a step of SGD with weight decay and momentum, and ridge regression in closed form.

Source: Krogh and Hertz, "A Simple Weight Decay Can Improve Generalization", 1991.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def penalty(weights: Sequence[Tensor], weight_decay: float) -> Tensor:
    """weight_decay / 2 times the sum of all squares: add it to the loss."""
    return weight_decay / 2 * torch.stack([w.square().sum() for w in weights]).sum()


@torch.no_grad()
def step_(
    weights: Sequence[Tensor], velocities: Sequence[Tensor], lr: float, momentum: float = 0.0, weight_decay: float = 0.0
) -> None:
    """One update of SGD; the decay joins the gradient, so momentum carries it on.

    Args:
        weights: each has the gradient of the loss alone.
        velocities: one for each weight, zero at the start; changed in place.
    """
    for w, velocity in zip(weights, velocities, strict=True):
        if w.grad is not None:
            velocity.mul_(momentum).add_(w.grad + weight_decay * w)  # the gradient of the penalty is weight_decay * w
            w.sub_(lr * velocity)


def ridge(x: Tensor, y: Tensor, weight_decay: float) -> Tensor:
    """The weights that minimize half the mean squared error plus the penalty; x is (samples, features)."""
    gram = x.T @ x / len(x) + weight_decay * torch.eye(x.shape[1], dtype=x.dtype)
    return torch.linalg.solve(gram, x.T @ y / len(x))


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(50, 8, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
    ours, theirs = (torch.zeros(8, dtype=torch.float64, requires_grad=True) for _ in range(2))
    velocities = [torch.zeros(8, dtype=torch.float64)]
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, weight_decay=0.3)
    for _ in range(300):
        for w in (ours, theirs):
            w.grad = None
            (x @ w - y).square().mean().div(2).backward()
        step_([ours], velocities, lr=0.1, momentum=0.9, weight_decay=0.3)
        optimizer.step()
    print(f"differs from torch.optim.SGD by less than 1e-14: {(ours - theirs).abs().max().item() < 1e-14}")
    print(f"differs from ridge regression by less than 1e-6: {(ours - ridge(x, y, 0.3)).abs().max().item() < 1e-6}")
