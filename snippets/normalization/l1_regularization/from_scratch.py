"""Soft thresholding, and with it the lasso by proximal gradient descent.

Source: Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996.
"""

import torch
from torch import Tensor, nn


def soft_threshold(w: Tensor, amount: float) -> Tensor:
    """The v that minimizes (v - w)^2 / 2 + amount * |v|: towards zero by ``amount``, and zero where w is nearer."""
    return w.sign() * (w.abs() - amount).clamp(min=0)


def lasso(x: Tensor, y: Tensor, l1: float, steps: int = 2000) -> Tensor:
    """The weights that minimize half the mean squared error plus l1 times the sum of their absolute values.

    Args:
        x: inputs of shape (samples, features).
        y: targets of shape (samples,).
        l1: factor of the penalty.
        steps: of proximal gradient descent.
    """
    lr = len(x) / torch.linalg.matrix_norm(x, 2) ** 2  # one over the largest curvature
    w = x.new_zeros(x.shape[1])
    for _ in range(steps):
        gradient = x.T @ (x @ w - y) / len(x)  # of the loss alone
        w = soft_threshold(w - lr * gradient, lr.item() * l1)
    return w


if __name__ == "__main__":
    torch.manual_seed(0)
    w = torch.randn(1000)
    difference = (soft_threshold(w, 0.5) - nn.Softshrink(0.5)(w)).abs().max().item()
    print(f"differs from torch.nn.Softshrink by less than 1e-7: {difference < 1e-7}")
    x = torch.linalg.qr(torch.randn(40, 5, dtype=torch.float64)).Q * 40**0.5  # the columns are orthogonal
    y = x @ torch.tensor([2.0, -1.0, 0.3, 0.0, 0.0], dtype=torch.float64) + torch.randn(40, dtype=torch.float64) / 10
    closed_form = soft_threshold(x.T @ y / 40, 0.5)
    print(
        f"differs from the closed form by less than 1e-9: {(lasso(x, y, 0.5) - closed_form).abs().max().item() < 1e-9}"
    )
    print(f"weights: {[round(v, 1) + 0.0 for v in lasso(x, y, 0.5).tolist()]}")
