"""Two ways to join a ramp and a cosine: one after the other, and both at once.

Source: torch.optim.lr_scheduler, PyTorch 2.x
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, CosineAnnealingLR, LinearLR

from snippets.schedulers.sequential_lr.use import make_scheduler

WARMUP, TOTAL = 50, 200


def sequential(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """One after the other."""
    return make_scheduler(optimizer, WARMUP, TOTAL).step


def chained(optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    """Both at every step: their factors multiply."""
    parts = [LinearLR(optimizer, 0.02, total_iters=WARMUP), CosineAnnealingLR(optimizer, T_max=TOTAL)]
    return ChainedScheduler(parts, optimizer=optimizer).step


WAYS = {"SequentialLR": sequential, "ChainedScheduler": chained}


def rates(way: Callable[[torch.optim.Optimizer], Callable[[], None]]) -> list[float]:
    """The rate of each of TOTAL updates."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    step = way(optimizer)
    found = []
    for _ in range(TOTAL):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        step()
    return found


if __name__ == "__main__":
    plt.figure(figsize=(7.2, 3.4))
    table = [["update", *WAYS]]
    curves = {name: rates(way) for name, way in WAYS.items()}
    for (name, curve), marker in zip(curves.items(), "os", strict=True):
        plt.plot(curve, marker=marker, markevery=20, label=name)
    plt.xlabel("update")
    plt.ylabel("learning rate")
    plt.legend(fontsize="small")
    plt.tight_layout()
    plt.savefig("sequential-lr.svg")
    for update in (0, 25, 49, 50, 100, 150, 199):
        table.append([str(update), *(f"{curve[update]:.4f}" for curve in curves.values())])
    with Path("sequential-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("sequential-lr.json").write_text(json.dumps(curves))
    print("rate of update 50:", ", ".join(f"{name} {curve[50]:.4f}" for name, curve in curves.items()))
