"""The rule of patience as a function of all losses, and what gradient descent has learned after some steps.

Source: Prechelt, "Early Stopping - But When?", 1998.
"""

import math

import torch
from torch import Tensor


def stopped_at(losses: list[float], patience: int, min_delta: float = 0.0) -> tuple[int, int]:
    """The epoch at which training stops and the one whose weights are kept, both counted from 0; -1 if all are NaN.

    Args:
        losses: validation loss of each epoch.
        patience: epochs without improvement after which to stop.
        min_delta: by how much a loss must be lower to count.
    """
    best, kept = math.inf, -1
    for epoch, loss in enumerate(losses):
        if loss < best - min_delta:
            best, kept = loss, epoch
        if epoch - kept >= patience:
            return epoch, kept
    return len(losses) - 1, kept


def after_steps(x: Tensor, y: Tensor, lr: float, steps: int) -> Tensor:
    """Weights of least squares after steps of gradient descent from zero, in closed form; x is (samples, features)."""
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    learned = 1 - (1 - lr * s**2 / len(x)) ** steps  # share of each direction
    return v.T @ (learned * (u.T @ y) / s)


if __name__ == "__main__":
    torch.manual_seed(0)
    w = torch.zeros(1, requires_grad=True)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(torch.optim.SGD([w], lr=1.0), patience=4, threshold=0.0)
    losses = (torch.linspace(1, 0, 60) ** 2 + 0.1 * torch.randn(60)).abs().tolist()
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(scheduler.get_last_lr()[0])
    print(f"stops where ReduceLROnPlateau lowers: {stopped_at(losses, patience=5)[0] == rates.index(0.1)}")
    x, y = torch.randn(50, 6, dtype=torch.float64), torch.randn(50, dtype=torch.float64)
    weights = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([weights], lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        ((x @ weights - y).square().mean() / 2).backward()
        optimizer.step()
    difference = (weights - after_steps(x, y, 0.1, 30)).abs().max().item()
    print(f"closed form differs from 30 steps of SGD by less than 1e-14: {difference < 1e-14}")
