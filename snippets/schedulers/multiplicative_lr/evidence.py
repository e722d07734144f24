"""One function, two schedulers: LambdaLR takes it as the factor, MultiplicativeLR multiplies it up.

Source: torch.optim.lr_scheduler.MultiplicativeLR and LambdaLR, PyTorch 2.x
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, MultiplicativeLR

from snippets.schedulers.multiplicative_lr.from_scratch import learning_rate

STEPS = 100
Function = Callable[[int], float]


def inverse_time(step: int) -> float:
    """Meant as a factor of the base rate."""
    return 1 / (1 + step / 50)


def ratio(step: int) -> float:
    """The same curve, as the ratio of two neighbours."""
    return inverse_time(step) / inverse_time(step - 1)


def curve(make: Callable[[torch.optim.Optimizer, Function], LRScheduler], function: Function) -> list[float]:
    """Factors of the base rate that a scheduler gives."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer, function)
    out = []
    for _ in range(STEPS):
        out.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return out


if __name__ == "__main__":
    torch.manual_seed(0)
    curves = {
        "LambdaLR, f(t) = 1 / (1 + t/50)": curve(LambdaLR, inverse_time),
        "MultiplicativeLR, f(t) / f(t-1)": curve(MultiplicativeLR, ratio),
        "MultiplicativeLR, f(t) by mistake": curve(MultiplicativeLR, inverse_time),
    }
    figure, axis = plt.subplots(figsize=(7, 3.8))
    for (name, values), style in zip(curves.items(), ("-", "--", ":"), strict=True):
        axis.plot(values, linestyle=style, linewidth=2.5, label=name)
    dots = range(0, STEPS, 10)
    products = [learning_rate(t, 1.0, inverse_time) for t in dots]
    axis.plot(dots, products, "o", markersize=4, label="closed form, product of f(1) to f(t)")
    axis.set(yscale="log", ylim=(1e-12, 2), xlabel="step", ylabel="factor of the base rate")
    axis.legend(fontsize="small", loc="lower left")
    figure.tight_layout()
    plt.savefig("multiplicative-lr.svg")
    rows = [[name, *(f"{values[t]:.2e}" for t in (10, 50, 99))] for name, values in curves.items()]
    with Path("multiplicative-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["scheduler and function", "step 10", "step 50", "step 99"], *rows])
    Path("multiplicative-lr.json").write_text(json.dumps(curves))
    print("factor at step 50:", " ".join(f"{values[50]:.1e}" for values in curves.values()))
