"""Three functions for LambdaLR on the simplest noisy problem: find a mean from samples.

Source: Robbins and Monro, "A Stochastic Approximation Method", 1951 (rates that sum to infinity, squares that do not)
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

STEPS, RUNS = 400, 2000
FUNCTIONS: dict[str, Callable[[int], float]] = {
    "constant, 0.1": lambda step: 0.1,
    "1 / sqrt(t + 1)": lambda step: (step + 1) ** -0.5,
    "1 / (t + 1)": lambda step: 1 / (step + 1),
}


def estimate(function: Callable[[int], float], samples: Tensor) -> tuple[list[float], Tensor]:
    """SGD on (w - sample)**2 / 2 with base rate 1: rates, and w after each update, (steps, runs)."""
    w = nn.Parameter(torch.full(samples.shape[1:], 5.0, dtype=samples.dtype))
    optimizer = torch.optim.SGD([w], lr=1.0)
    scheduler = LambdaLR(optimizer, function)
    rates, path = [], []
    for sample in samples:
        rates.append(float(scheduler.get_last_lr()[0]))
        w.grad = w.detach() - sample
        optimizer.step()
        scheduler.step()
        path.append(w.detach().clone())
    return rates, torch.stack(path)


if __name__ == "__main__":
    torch.manual_seed(0)
    samples = torch.randn(STEPS, RUNS, dtype=torch.float64)  # true mean 0
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, errors, steps = [], {}, range(1, STEPS + 1)
    for (name, function), style, marker in zip(FUNCTIONS.items(), ("--", "-.", "-"), "osD", strict=True):
        rates, path = estimate(function, samples)
        error = path.square().mean(1).sqrt()
        errors[name] = error.tolist()
        line = left.plot(steps, rates, linestyle=style, label=name)[0]
        dots = [1, 4, 16, 64, 256]
        left.plot(dots, [function(t - 1) for t in dots], marker, markersize=4, color=line.get_color())
        right.plot(steps, error, linestyle=style, linewidth=2, label=name)
        rows.append([name, *(f"{error[t - 1]:.3f}" for t in (10, 100, STEPS))])
    left.set(
        xscale="log", yscale="log", xlabel="update", ylabel="learning rate", title="torch (lines), function (dots)"
    )
    left.legend(fontsize="small")
    right.set(
        xscale="log", yscale="log", xlabel="update", ylabel="error (root mean square)", title="mean of noisy samples"
    )
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("lambda-lr.svg")
    with Path("lambda-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["function", "error after 10", "after 100", f"after {STEPS} updates"], *rows])
    Path("lambda-lr.json").write_text(json.dumps(errors))
    print(f"error after {STEPS} updates:", ", ".join(f"{row[0]}: {float(row[3]):.2f}" for row in rows))
