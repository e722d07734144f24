"""Paths of six optimizers in a narrow valley, in the same valley turned by 45 degrees, and on Rosenbrock's function.

Source: Ruder, "An overview of gradient descent optimization algorithms", 2016; Rosenbrock, 1960
"""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor

CURVATURE, ANGLE, GOAL = 50.0, math.pi / 4, 0.01
C, S = math.cos(ANGLE), math.sin(ANGLE)


def valley(x: Tensor, y: Tensor) -> Tensor:
    """Along x it is 50 times flatter than along y; minimum 0 at (0, 0)."""
    return 0.5 * (x**2 + CURVATURE * y**2)


def turned_valley(x: Tensor, y: Tensor) -> Tensor:
    """The same valley, turned by 45 degrees."""
    return valley(C * x + S * y, C * y - S * x)


def rosenbrock(x: Tensor, y: Tensor) -> Tensor:
    """A valley along the parabola y = x^2, almost flat at its bottom; minimum 0 at (1, 1)."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


SURFACES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], tuple[float, float], tuple[float, float], int]] = {
    "valley": (valley, (-2.0, 0.8), (0.0, 0.0), 100),  # function, start, minimum, steps
    "turned valley": (turned_valley, (-2.0 * C - 0.8 * S, -2.0 * S + 0.8 * C), (0.0, 0.0), 100),
    "Rosenbrock": (rosenbrock, (-1.0, 1.5), (1.0, 1.0), 300),
}
# The rate of 1, 2, 5, 10, ... that is soonest below GOAL for good, or lowest at the end, and stays inside the panel.
RATES = {
    "SGD": [0.02, 0.02, 0.002],  # one for each surface
    "momentum": [0.005, 0.005, 0.002],
    "Adagrad": [1.0, 1.0, 0.2],
    "RMSprop": [0.1, 0.1, 0.02],
    "Adam": [0.05, 1.0, 0.5],
    "L-BFGS": [1.0, 1.0, 1.0],
}
OPTIMIZERS: dict[str, Callable[[list[Tensor], float], torch.optim.Optimizer]] = {
    "SGD": lambda p, lr: torch.optim.SGD(p, lr=lr),
    "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
    "Adagrad": lambda p, lr: torch.optim.Adagrad(p, lr=lr),
    "RMSprop": lambda p, lr: torch.optim.RMSprop(p, lr=lr),
    "Adam": lambda p, lr: torch.optim.Adam(p, lr=lr),
    "L-BFGS": lambda p, lr: torch.optim.LBFGS(p, lr=lr, max_iter=1, max_eval=25, line_search_fn="strong_wolfe"),
}


def path(optimizer: str, surface: str, lr: float) -> tuple[Tensor, Tensor]:
    """Positions before the first and after every step, (steps + 1, 2), and the function there, (steps + 1,)."""
    function, start, _, steps = SURFACES[surface]
    theta = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    made = OPTIMIZERS[optimizer]([theta], lr)

    def closure() -> float:
        made.zero_grad()
        loss = function(theta[0], theta[1])
        loss.backward()
        return loss.item()

    positions = [theta.detach().clone()]
    for _ in range(steps):
        made.step(closure)
        positions.append(theta.detach().clone())
    where = torch.stack(positions)
    return where, function(where[:, 0], where[:, 1])


def steps_to_goal(losses: Tensor) -> int | None:
    """The first step from which on the function stays below GOAL; None if there is none."""
    above = (~(losses < GOAL)).nonzero()  # written so that NaN counts as above
    first = int(above[-1]) + 1 if len(above) else 0
    return first if first < len(losses) else None


def draw_levels(axis: plt.Axes, surface: str) -> None:
    """A few level lines of the surface, from their closed forms."""
    around = torch.linspace(0, 2 * math.pi, 81 if surface == "Rosenbrock" else 41, dtype=torch.float64)
    for level in (0.3, 4.0) if surface == "Rosenbrock" else (1.0, 6.0, 18.0):
        if surface == "Rosenbrock":
            x = 1 + math.sqrt(level) * around.cos()
            y = x**2 + math.sqrt(level) * around.sin() / 10
        else:
            x, y = math.sqrt(2 * level) * around.cos(), math.sqrt(2 * level / CURVATURE) * around.sin()
        if surface == "turned valley":
            x, y = C * x - S * y, S * x + C * y
        axis.plot(x.tolist(), y.tolist(), color="C6", linestyle="-", linewidth=0.7)


if __name__ == "__main__":
    figure, axes = plt.subplots(3, 6, figsize=(10, 5.7), sharex=True, sharey=True, layout="constrained")
    rows = [["surface", "optimizer", "rate", f"steps until it stays below {GOAL}", "value at the end"]]
    results = {}
    for row, surface in enumerate(SURFACES):
        minimum, steps = SURFACES[surface][2:]
        for column, optimizer in enumerate(OPTIMIZERS):
            axis, lr = axes[row, column], RATES[optimizer][row]
            where, losses = path(optimizer, surface, lr)
            results[f"{optimizer}, {surface}"] = where.tolist()
            draw_levels(axis, surface)
            axis.plot(*where.T.tolist(), "-o", color="C0", markersize=2.5, linewidth=1.2, markevery=steps // 10)
            axis.plot(*minimum, "*", color="C1", markersize=10)
            reached = steps_to_goal(losses)
            shown = f"not in {steps}" if reached is None else f"{reached} steps"
            axis.set_title(f"{optimizer}\n{shown}" if row == 0 else shown)
            rows.append([surface, optimizer, f"{lr:g}", shown, f"{losses[-1]:.0e}"])
        axes[row, 0].set_ylabel(surface)
    axes[0, 0].set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), xticks=[], yticks=[])
    plt.savefig("index-trajectories.svg")
    with Path("index-trajectories.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("index-trajectories.json").write_text(json.dumps(results))
    for optimizer in ("Adagrad", "momentum"):
        found = [row[3] for row in rows if row[1] == optimizer]
        print(f"{optimizer}: {found[0]} in the valley, {found[1]} in the same valley turned")
