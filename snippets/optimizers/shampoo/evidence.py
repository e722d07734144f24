"""Shampoo and Adagrad on a rotated, ill-conditioned matrix problem and on digits, with fresh and stale roots.

Source: Gupta et al., "Shampoo: Preconditioned Stochastic Tensor Optimization", 2018.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
METHODS = {"Adagrad": 0, "Shampoo": 1, "Shampoo, roots every 20 steps": 20}


def root(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=1e-4) ** -0.25) @ vectors.T


def run(refresh: int, lr: float, w: Tensor, gradient: Callable[[Tensor], Tensor], steps: int) -> list[Tensor]:
    """Path of ``steps`` updates from ``w``; ``refresh`` 0 is Adagrad."""
    left, right = (1e-4 * torch.eye(n, dtype=w.dtype) for n in w.shape)
    square, path = torch.full_like(w, 1e-4), []
    for t in range(1, steps + 1):
        g = gradient(w)
        if refresh:
            left, right = left + g @ g.T, right + g.T @ g
            if t <= refresh or t % refresh == 0:
                roots = root(left), root(right)
            w = w - lr * roots[0] @ g @ roots[1]
        else:
            square = square + g * g
            w = w - lr * g / square.sqrt()
        path.append(w)
    return path


def rotated(n: int) -> Tensor:
    """Symmetric, condition number 100, with axes that point anywhere."""
    q = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0]
    return (q * torch.logspace(-2, 0, n, dtype=torch.float64)) @ q.T


def quadratic_losses(refresh: int, lr: float) -> list[float]:
    """Loss after each of 150 steps on tr(W^T A W B) / 2, W (10, 6), relative to the start."""
    torch.manual_seed(0)
    a, b, w = rotated(10), rotated(6), torch.randn(10, 6, dtype=torch.float64)
    path = run(refresh, lr, w, lambda w: a @ w @ b, 150)
    return [((w.T @ a @ w @ b).trace() / start).item() for start in [(w.T @ a @ w @ b).trace()] for w in path]


def digits_loss(refresh: int, lr: float, x: Tensor, y: Tensor) -> float:
    """Training loss of a linear classifier after 60 batches of 64."""
    torch.manual_seed(0)

    def gradient(w: Tensor) -> Tensor:
        rows = torch.randint(len(x), (64,))
        return x[rows].T @ ((x[rows] @ w).softmax(1) - torch.nn.functional.one_hot(y[rows], 10)) / 64

    return torch.nn.functional.cross_entropy(x @ run(refresh, lr, torch.zeros(64, 10), gradient, 60)[-1], y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
    table = [["optimizer", "quadratic after 150 steps, best rate", *(f"digits, lr {lr:g}" for lr in RATES)]]
    results = {}
    for (name, refresh), style in zip(METHODS.items(), ("o--", "s-", "^:"), strict=True):
        curves = [quadratic_losses(refresh, lr) for lr in RATES]
        best = min(curves, key=lambda losses: losses[-1])
        losses = [digits_loss(refresh, lr, x, y) for lr in RATES]
        results[name] = {"quadratic": [curve[-1] for curve in curves], "digits": losses}  # one a rate
        left.plot(range(1, 151), best, style, markevery=20, label=name)
        right.plot(RATES, losses, style, label=name)
        table.append([name, f"{best[-1]:.0e}", *(f"{loss:.2f}" for loss in losses)])
    left.set(yscale="log", xlabel="step", ylabel="loss / loss at the start")
    right.set(xscale="log", yscale="log", xlabel="learning rate", ylabel="training loss on digits")
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("shampoo.svg")
    with Path("shampoo.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("shampoo.json").write_text(json.dumps(results))
    print("runs:", 2 * len(METHODS) * len(RATES))
