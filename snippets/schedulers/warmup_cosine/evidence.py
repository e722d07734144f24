"""Warm-up + cosine against each half alone and a constant rate, over a grid of base rates on digits.

Source: Loshchilov and Hutter, 2016, section 3 (cosine); Goyal et al., 2017, section 2.2 (warm-up)
"""

import csv
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from snippets.schedulers.warmup_cosine.from_scratch import learning_rate
from snippets.schedulers.warmup_cosine.use import make_scheduler, make_sequential

STEPS, WARMUP, SEEDS, RATES = 150, 30, 15, (0.01, 0.03, 0.06, 0.1)


def ramp(step: int) -> float:
    return min(1.0, (step + 1) / WARMUP)


def cosine(step: int) -> float:
    return (1 + math.cos(math.pi * max(0, step - WARMUP) / (STEPS - WARMUP))) / 2


SCHEDULES: dict[str, Callable[[int], float]] = {
    "constant": lambda step: 1.0,
    "warm-up only": ramp,
    "cosine only": cosine,
    "warm-up + cosine": lambda step: learning_rate(step, 1.0, WARMUP, STEPS),
}


def curve(make: Callable[[torch.optim.Optimizer, int, int], LRScheduler]) -> list[float]:
    """Factors of the base rate that torch gives to the updates."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make(optimizer, WARMUP, STEPS)
    factors = []
    for _ in range(STEPS):
        factors.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return factors


def train(factor: Callable[[int], float], lr: float) -> Tensor:
    """Test loss of SEEDS networks whose weights start 2.2 times too large: (seeds,)."""
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data, dtype=torch.float32)[order] / 16  # (1797, 64)
    y = torch.tensor(digits.target)[order]
    sizes = [64, 64, 64, 64, 10]
    shapes = itertools.pairwise(sizes)
    weights = [nn.Parameter(torch.randn(SEEDS, i, o) * 2.2 * math.sqrt(2 / i)) for i, o in shapes]
    optimizer = torch.optim.SGD(weights, lr=lr, momentum=0.9)
    scheduler = LambdaLR(optimizer, factor)

    def losses(x: Tensor, y: Tensor) -> Tensor:  # (seeds, batch, 64), (seeds, batch) -> (seeds,)
        for weight in weights[:-1]:
            x = torch.bmm(x, weight).relu()
        logits = torch.bmm(x, weights[-1]).transpose(1, 2)
        return nn.functional.cross_entropy(logits, y, reduction="none").mean(1)

    for _ in range(STEPS):
        batch = torch.randint(1200, (SEEDS, 16))
        optimizer.zero_grad()
        losses(x[batch], y[batch]).sum().backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        return losses(x[1200:].expand(SEEDS, -1, -1), y[1200:].expand(SEEDS, -1))


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, losses = [], {}
    left.plot(curve(make_scheduler), "-", linewidth=4.5, label="LambdaLR")
    left.plot(curve(make_sequential), "--", linewidth=2.0, label="SequentialLR")
    closed = SCHEDULES["warm-up + cosine"]
    left.plot(range(0, STEPS, 6), [closed(step) for step in range(0, STEPS, 6)], "o", markersize=4, label="closed form")
    left.legend(fontsize="small")
    for (name, factor), marker, style in zip(SCHEDULES.items(), "os^D", ("-", "--", "-.", "-"), strict=True):
        results = [train(factor, lr) for lr in RATES]
        losses[name] = {str(lr): r.tolist() for lr, r in zip(RATES, results, strict=True)}
        right.plot(RATES, [r.median().item() for r in results], style, marker=marker, label=name)
        rows.append([name, *(f"{r.median():.2f} ({r.min():.2f} to {r.max():.2f})" for r in results)])
    left.set(xlabel="update", ylabel="factor of the base rate", title="the recipe, three ways")
    right.set(xscale="log", yscale="log", xlabel="base rate", ylabel="test loss", title="digits, 150 updates")
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("warmup-cosine.svg")
    with Path("warmup-cosine.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["schedule", *(f"base rate {lr}" for lr in RATES)], *rows])
    Path("warmup-cosine.json").write_text(json.dumps(losses))
    print(f"updates {STEPS}, of which warm-up {WARMUP}; networks for each point {SEEDS}")
