"""Eleven optimizers and L-BFGS without noise: an ill-conditioned quadratic, the same one turned, and Rosenbrock.

Source: Schmidt et al., "Descending through a Crowded Valley", 2020, section 2 (one grid for all); surfaces are our own.
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, optim

SEEDS, STEPS, DIM = 5, 300, 20
PROBLEMS = {"quadratic": "o", "turned quadratic": "s", "Rosenbrock": "^"}  # with their markers
RATES = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {  # torch's defaults, but for what the name says
    "SGD": optim.SGD,
    "momentum 0.9": partial(optim.SGD, momentum=0.9),
    "Nesterov 0.9": partial(optim.SGD, momentum=0.9, nesterov=True),
    "Adagrad": optim.Adagrad,
    "RMSprop": optim.RMSprop,
    "Adadelta": optim.Adadelta,
    "Adam": optim.Adam,
    "NAdam": optim.NAdam,
    "RAdam": optim.RAdam,
    "Adamax": optim.Adamax,
    "Rprop": optim.Rprop,
}


def turn() -> Tensor:
    """A random orthogonal matrix (20, 20), always the same."""
    torch.manual_seed(1)
    return torch.linalg.qr(torch.randn(DIM, DIM, dtype=torch.float64))[0]


def starts() -> Tensor:
    """Start of each seed, (seeds, 42): the quadratic's, the same point for the turned one, and Rosenbrock's."""
    torch.manual_seed(0)
    straight, plane = torch.randn(SEEDS, DIM, dtype=torch.float64), torch.rand(SEEDS, 2, dtype=torch.float64)
    return torch.cat([straight, straight @ turn(), 3 * plane - 1.5], dim=1)


def values(points: Tensor, turned: Tensor) -> Tensor:
    """The three functions side by side: (..., 42) -> (3, ...). Curvatures of the quadratic go from 1 to 1000.

    All have the minimum 0, the first and the last at a vector of ones: not at 0, where weight decay would lead.
    """
    curvatures = torch.logspace(0, 3, DIM, dtype=points.dtype)
    straight, other, plane = points.split([DIM, DIM, 2], dim=-1)
    x, y = plane.unbind(-1)
    quadratics = [0.5 * ((z - 1).square() * curvatures).sum(dim=-1) for z in (straight, other @ turned.mT)]
    return torch.stack([*quadratics, (1 - x).square() + 100 * (y - x.square()).square()])


def lowest(history: Tensor) -> Tensor:
    """Lowest value seen so far along the first dimension; a value that is not finite counts as infinite."""
    return history.nan_to_num(nan=torch.inf, posinf=torch.inf, neginf=torch.inf).cummin(dim=0).values


def descend(make: Callable[..., optim.Optimizer], rates: list[float], steps: int = STEPS) -> Tensor:
    """Lowest value so far for each rate and seed, all side by side in one stack; right for elementwise rules only.

    Args:
        make: takes parameter groups, returns the optimizer.
        rates: learning rates, one parameter group each.
        steps: gradients.

    Returns:
        (steps, problems, rates, seeds), before each step.
    """
    turned = turn()
    theta = starts().repeat(len(rates), 1, 1)  # (rates, seeds, 42)
    members = theta.detach().requires_grad_()  # the same memory: one tensor for autograd, one a rate for the optimizer
    optimizer = make([{"params": [part], "lr": lr} for part, lr in zip(theta, rates, strict=True)])
    history = []
    for _ in range(steps):
        value = values(members, turned)
        (gradient,) = torch.autograd.grad(value.sum(), members)
        for group, part in zip(optimizer.param_groups, gradient, strict=True):
            group["params"][0].grad = part
        optimizer.step()
        history.append(value.detach())
    return lowest(torch.stack(history))


def lbfgs(problem: int, seed: int, steps: int = STEPS) -> Tensor:
    """Lowest value so far of L-BFGS with line search on one problem from one start, (steps,)."""
    turned, point = turn(), starts()[seed].requires_grad_()
    history: list[Tensor] = []
    optimizer = optim.LBFGS(
        [point],
        history_size=10,
        max_iter=steps,
        max_eval=steps,
        tolerance_grad=1e-14,
        tolerance_change=1e-16,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = values(point, turned)[problem]
        value.backward()
        history.append(value.detach())
        return value

    optimizer.step(closure)
    history += [history[-1]] * (steps - len(history))  # it stopped early: converged
    return lowest(torch.stack(history)[:steps])


def compare() -> dict[str, list[tuple[float | None, Tensor]]]:
    """For each optimizer and problem the rate with the lowest median after 300 gradients, and what is left (seeds,).

    What is left is relative to the start's value. L-BFGS has no rate: its line search finds the step.
    """
    first = values(starts(), turn())  # (problems, seeds)
    results: dict[str, list[tuple[float | None, Tensor]]] = {}
    for name, make in OPTIMIZERS.items():
        left = descend(make, RATES)[-1] / first.unsqueeze(1)  # (problems, rates, seeds)
        best = left.median(dim=2).values.argmin(dim=1).tolist()
        results[name] = [(RATES[rate], left[problem, rate]) for problem, rate in enumerate(best)]
    ends = [torch.stack([lbfgs(problem, seed)[-1] for seed in range(SEEDS)]) for problem in range(len(PROBLEMS))]
    results["L-BFGS"] = [(None, end / start) for end, start in zip(ends, first, strict=True)]
    return results


if __name__ == "__main__":
    results = compare()
    figure, axis = plt.subplots(figsize=(8, 5.6), layout="constrained")
    rows = list(range(len(results)))[::-1]
    for problem, (name, marker) in enumerate(PROBLEMS.items()):
        shifted = [row + 0.22 * (1 - problem) for row in rows]
        left = [result[problem][1].clamp(min=1e-16) for result in results.values()]
        middle = [value.median().item() for value in left]
        ranges = [[m - v.min().item() for m, v in zip(middle, left, strict=True)]]
        ranges.append([v.max().item() - m for m, v in zip(middle, left, strict=True)])
        axis.errorbar(middle, shifted, xerr=ranges, marker=marker, linestyle="none", elinewidth=1.2, label=name)
    axis.set(xscale="log", xlabel="value left after 300 gradients, relative to the start's", yticks=rows)
    axis.set_yticklabels(list(results))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 1.09), ncols=3)
    figure.savefig("choosing-an-optimizer-surfaces.svg")
    head = [cell for name in PROBLEMS for cell in (f"{name}: rate", "remaining, median of 5 starts")]
    with Path("choosing-an-optimizer-surfaces.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["optimizer", *head])
        for name, result in results.items():
            cells = [
                (f"{rate:g}" if rate else "line search", "< 1e-12" if v.median() < 1e-12 else f"{v.median():.0e}")
                for rate, v in result
            ]
            writer.writerow([name, *(text for pair in cells for text in pair)])
    numbers = {name: [[rate, left.tolist()] for rate, left in result] for name, result in results.items()}
    Path("choosing-an-optimizer-surfaces.json").write_text(json.dumps(numbers))
    for problem, name in enumerate(PROBLEMS):
        solved = [key for key, result in results.items() if result[problem][1].median() < 1e-12]
        print(f"{name}: less than 1e-12 left by {', '.join(solved)}")
