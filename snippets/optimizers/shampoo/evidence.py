"""Shampoo and Adagrad on a rotated, ill-conditioned matrix problem and on digits, with fresh and stale roots.

Source: Gupta et al., "Shampoo: Preconditioned Stochastic Tensor Optimization", 2018.
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from snippets.optimizers.shampoo.use import Shampoo

RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
METHODS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "Adagrad": partial(torch.optim.Adagrad, initial_accumulator_value=1e-4, eps=0.0),
    "Shampoo": partial(Shampoo, eps=1e-4),
    "Shampoo, roots every 20 steps": partial(Shampoo, eps=1e-4, refresh=20),
}


def rotated(n: int) -> Tensor:
    """Symmetric, condition number 100, with axes that point anywhere."""
    q = torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0]
    return (q * torch.logspace(-2, 0, n, dtype=torch.float64)) @ q.T


def quadratic_losses(name: str, lr: float) -> list[float]:
    """Loss after each of 150 steps on tr(W^T A W B) / 2, W (10, 6), relative to the start."""
    torch.manual_seed(0)
    a, b, w = rotated(10), rotated(6), torch.randn(10, 6, dtype=torch.float64)
    optimizer, losses = METHODS[name]([w.requires_grad_()], lr=lr), []
    for _ in range(151):
        optimizer.zero_grad()
        loss = (w.T @ a @ w @ b).trace() / 2
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return [loss / losses[0] for loss in losses[1:]]


def digits_loss(name: str, lr: float, x: Tensor, y: Tensor) -> float:
    """Training loss of a linear classifier after 60 batches of 64."""
    torch.manual_seed(0)
    w = torch.zeros(64, 10, requires_grad=True)
    optimizer = METHODS[name]([w], lr=lr)
    for _ in range(60):
        rows = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(x[rows] @ w, y[rows]).backward()
        optimizer.step()
    return torch.nn.functional.cross_entropy(x @ w, y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4))
    table = [["optimizer", "quadratic after 150 steps, best rate", *(f"digits, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, style in zip(METHODS, ("o--", "s-", "^:"), strict=True):
        curves = [quadratic_losses(name, lr) for lr in RATES]
        best = min(curves, key=lambda losses: losses[-1])
        losses = [digits_loss(name, lr, x, y) for lr in RATES]
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
