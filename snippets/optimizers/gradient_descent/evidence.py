"""Trajectories of gradient descent on two surfaces at three learning rates.

Source: Cauchy, "Methode generale pour la resolution des systemes d'equations simultanees", 1847.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor

STEPS = 60


def valley(x: Tensor, y: Tensor) -> Tensor:
    """Quadratic with curvatures 1 and 20: stable below a rate of 0.1."""
    return 0.5 * x**2 + 10 * y**2


def rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    """Curved valley with its minimum at (1, 1)."""
    return (1 - x) ** 2 + 10 * (y - x**2) ** 2


def trajectory(loss: Callable[[Tensor, Tensor], Tensor], start: tuple[float, float], lr: float) -> list[list[float]]:
    """Points visited in 60 steps, as lists of x and of y."""
    theta = torch.tensor(start, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=lr)
    points = [theta.tolist()]
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(theta[0], theta[1]).backward()
        optimizer.step()
        points.append(theta.tolist())
    return [list(axis) for axis in zip(*points, strict=True)]


if __name__ == "__main__":
    _, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    rows, results = [], {}
    surfaces: list[tuple[str, Callable[[Tensor, Tensor], Tensor], tuple[float, float], list[float]]] = [
        ("quadratic, curvatures 1 and 20", valley, (-2.0, 0.5), [0.01, 0.095, 0.1005]),
        ("Rosenbrock", rosenbrock, (-1.2, 1.0), [0.001, 0.01, 0.02]),
    ]
    for axis, (title, loss, start, rates) in zip(axes, surfaces, strict=True):
        x, y = torch.meshgrid(torch.linspace(-2.2, 2.2, 80), torch.linspace(-1, 2, 80), indexing="xy")
        axis.contour(x.tolist(), y.tolist(), loss(x, y).log1p().tolist(), levels=12, alpha=0.4)
        for lr, style in zip(rates, ["o-", "s-", "^:"], strict=True):
            path = trajectory(loss, start, lr)
            results[f"{title}, {lr}"] = path
            axis.plot(*path, style, markersize=3, linewidth=1, label=f"lr {lr}")
            end = torch.tensor([path[0][-1], path[1][-1]])
            rows.append([title, lr, f"{loss(end[0], end[1]):.3f}"])
        axis.set(title=title, xlim=(-2.2, 2.2), ylim=(-1, 2))
        axis.legend(loc="upper right")
    plt.savefig("gradient-descent.svg")
    with Path("gradient-descent.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["surface", "lr", f"loss after {STEPS} steps"], *rows])
    Path("gradient-descent.json").write_text(json.dumps(results))
    print("largest stable rate on the quadratic: 2 / 20 = 0.1")
