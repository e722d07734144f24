"""How far SGD can travel under exponential decay: the rates sum up to base / (1 - gamma), and no farther.

Source: torch.optim.lr_scheduler.ExponentialLR, PyTorch 2.x
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

from snippets.schedulers.exponential_lr.from_scratch import learning_rate

STEPS, GAMMAS = 300, (0.9, 0.98, 0.995)


def walk(gamma: float, distance: float = 3.0) -> tuple[list[float], list[float]]:
    """Rates; distance to the minimum of |x|, of gradient 1, at the start and after each update, a move by the rate."""
    x = nn.Parameter(torch.tensor(distance, dtype=torch.float64))
    optimizer = torch.optim.SGD([x], lr=0.1)
    scheduler = ExponentialLR(optimizer, gamma=gamma)
    rates, left = [], [distance]
    for _ in range(STEPS):
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.zero_grad()
        x.abs().backward()
        optimizer.step()
        scheduler.step()
        left.append(abs(x.item()))
    return rates, left


if __name__ == "__main__":
    torch.manual_seed(0)
    figure, (left_axis, right_axis) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, results = [], {}
    for gamma, style, marker in zip(GAMMAS, ("--", "-", "-."), "os^", strict=True):
        rates, left = walk(gamma)
        results[str(gamma)] = {"rates": rates, "left": left}
        line = left_axis.plot(rates, linestyle=style, label=f"gamma {gamma}")[0]
        closed = [learning_rate(t, 0.1, gamma) for t in range(0, STEPS, 20)]
        left_axis.plot(range(0, STEPS, 20), closed, marker, markersize=4, color=line.get_color())
        right_axis.plot(left, linestyle=style, linewidth=2, label=f"gamma {gamma}")
        half = math.log(0.5) / math.log(gamma)
        rows.append([str(gamma), f"{half:.0f}", f"{0.1 / (1 - gamma):.1f}", f"{left[-1]:.2f}"])
    left_axis.set(
        yscale="log", ylim=(1e-6, 0.2), xlabel="step", ylabel="learning rate", title="torch (lines), closed form (dots)"
    )
    left_axis.legend(fontsize="small")
    right_axis.set(xlabel="step", ylabel="distance to the minimum", title="gradient of size 1, 3.0 to go")
    figure.tight_layout()
    plt.savefig("exponential-lr.svg")
    with Path("exponential-lr.csv").open("w", newline="") as file:
        head = ["gamma", "half-life in steps", "reach, 0.1 / (1 - gamma)", "distance left after 300 steps"]
        csv.writer(file).writerows([head, *rows])
    Path("exponential-lr.json").write_text(json.dumps(results))
    print("distance left:", ", ".join(f"gamma {row[0]}: {row[3]}" for row in rows))
