"""Where a run of a fixed budget ends: linear to zero, linear to a tenth, cosine, constant.

Source: Li et al., "Budgeted Training", 2019, section 3; the noisy quadratic is solved exactly, without sampling.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LinearLR, LRScheduler

PEAK = 0.5
BUDGETS = (50, 100, 200, 400, 800, 1600)
CURVATURES = torch.tensor([1.0, 0.3, 0.1, 0.03], dtype=torch.float64)
Make = Callable[[torch.optim.Optimizer, int], LRScheduler]
SCHEDULES: dict[str, Make] = {
    "linear to zero": lambda optimizer, steps: LinearLR(optimizer, 1.0, 0.0, total_iters=steps),
    "linear to a tenth": lambda optimizer, steps: LinearLR(optimizer, 1.0, 0.1, total_iters=steps),
    "cosine to zero": lambda optimizer, steps: CosineAnnealingLR(optimizer, T_max=steps),
    "constant": lambda optimizer, steps: LambdaLR(optimizer, lambda step: 1.0),
}


def rates(make: Make, steps: int) -> list[float]:
    """The rate of each of ``steps`` updates, from torch's scheduler."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=PEAK)
    scheduler = make(optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return found


def expected_loss(schedule: list[float]) -> float:
    """Mean loss after SGD on ``sum(h x**2) / 2`` from x = 1, gradients with noise of variance 1 in each coordinate.

    A step maps the second moment ``s`` of a coordinate to ``(1 - lr h)**2 s + lr**2``.
    """
    second: Tensor = torch.ones_like(CURVATURES)
    for lr in schedule:
        second = (1 - lr * CURVATURES) ** 2 * second + lr**2
    return float((CURVATURES * second).sum() / 2)


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, results = [], {}
    for (name, make), marker in zip(SCHEDULES.items(), "osD^", strict=True):
        left.plot(rates(make, 200), marker=marker, markevery=40, label=name)
        losses = [expected_loss(rates(make, budget)) for budget in BUDGETS]
        results[name] = losses
        right.plot(BUDGETS, losses, marker=marker, label=name)
        rows.append([name, *(f"{loss:.4f}" for loss in losses)])
    left.set(xlabel="update", ylabel="learning rate", title="a budget of 200 updates")
    left.legend(fontsize="small")
    right.set(xscale="log", yscale="log", xlabel="budget, updates", ylabel="mean loss at the end")
    right.set_title("where the run ends")
    figure.tight_layout()
    plt.savefig("linear-decay-to-zero.svg")
    with Path("linear-decay-to-zero.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["schedule", *(f"{budget} updates" for budget in BUDGETS)], *rows])
    Path("linear-decay-to-zero.json").write_text(json.dumps(results))
    print("mean loss after 400 updates:", ", ".join(f"{row[0]} {row[4]}" for row in rows))
