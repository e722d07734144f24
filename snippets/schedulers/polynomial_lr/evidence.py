"""Which power: exact mean loss of SGD on a quadratic with a steep and a flat direction, for three lengths of run.

Source: Chen et al., "DeepLab", 2016 (poly policy)
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import PolynomialLR

from snippets.schedulers.polynomial_lr.from_scratch import learning_rate

BASE, POWERS, LENGTHS = 0.5, (0.5, 0.9, 2.0, 4.0), (100, 200, 800)


def rates_of(power: float, steps: int) -> list[float]:
    """Rates that torch's scheduler gives to the updates of a run."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = PolynomialLR(optimizer, total_iters=steps, power=power)
    rates = []
    for _ in range(steps):
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return rates


def last_loss(rates: list[float]) -> float:
    """Mean of sum(h x**2) / 2 after the run of x <- x - lr * (h x + noise): mean and variance, nothing drawn."""
    total = 0.0
    for h in (1.0, 0.05):
        mean, variance = 3.0, 0.0
        for lr in rates:
            mean, variance = mean * (1 - lr * h), (1 - lr * h) ** 2 * variance + lr**2
        total += h * (mean**2 + variance) / 2
    return total


if __name__ == "__main__":
    torch.manual_seed(0)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, results = [], {}
    for power, style, marker in zip(POWERS, ("--", "-", "-.", ":"), "osD^", strict=True):
        line = left.plot(rates_of(power, 200), linestyle=style, linewidth=2, label=f"power {power}")[0]
        closed = [learning_rate(t, BASE, 200, power) for t in range(0, 200, 20)]
        left.plot(range(0, 200, 20), closed, marker, markersize=4, color=line.get_color())
        losses = results[str(power)] = [last_loss(rates_of(power, steps)) for steps in LENGTHS]
        right.plot(LENGTHS, losses, linestyle=style, marker=marker, label=f"power {power}")
        rows.append([str(power), *(f"{loss:.4f}" for loss in losses)])
    left.set(xlabel="step", ylabel="learning rate", title="torch (lines), closed form (dots)")
    left.legend(fontsize="small")
    right.set(xscale="log", yscale="log", xlabel="length of the run", ylabel="last mean loss", title="noisy quadratic")
    right.set_xticks(LENGTHS, [str(steps) for steps in LENGTHS])
    right.xaxis.minorticks_off()
    figure.tight_layout()
    plt.savefig("polynomial-lr.svg")
    with Path("polynomial-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["power", *(f"{steps} updates" for steps in LENGTHS)], *rows])
    Path("polynomial-lr.json").write_text(json.dumps(results))
    print(
        "lowest loss: ",
        ", ".join(f"{n} updates: power {min(rows, key=lambda r: r[i])[0]}" for i, n in enumerate(LENGTHS, 1)),
    )
