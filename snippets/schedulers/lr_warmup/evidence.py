"""Which rates a network survives with and without warm-up, and how uncertain Adam's first steps are.

Source: Goyal et al., 2017, section 2.2; Liu et al., 2019, section 3
"""

import csv
import itertools
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from snippets.schedulers.lr_warmup.from_scratch import learning_rate
from snippets.schedulers.lr_warmup.use import make_scheduler

STEPS, WARMUP, SEEDS, RATES = 150, 40, 20, (0.01, 0.03, 0.06, 0.1)


def curve(steps: int) -> list[float]:
    """Factors of the base rate that torch's LinearLR gives to the updates."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = make_scheduler(optimizer, WARMUP)
    factors = []
    for _ in range(steps):
        factors.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return factors


def train(lr: float, warmup: int, scale: float = 2.8) -> Tensor:
    """Mean training loss of SEEDS networks' last 20 updates; weights start ``scale`` times too large: (seeds,)."""
    torch.manual_seed(0)
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    sizes = [64, 64, 64, 64, 10]
    shapes = itertools.pairwise(sizes)
    weights = [nn.Parameter(torch.randn(SEEDS, i, o) * scale * math.sqrt(2 / i)) for i, o in shapes]
    optimizer = torch.optim.SGD(weights, lr=lr, momentum=0.9)
    scheduler = LambdaLR(optimizer, lambda step: learning_rate(step, 1.0, warmup))
    last = []
    for step in range(STEPS):
        batch = torch.randint(len(y), (SEEDS, 64))
        hidden = x[batch]  # (seeds, batch, 64)
        for weight in weights[:-1]:
            hidden = torch.bmm(hidden, weight).relu()
        logits = torch.bmm(hidden, weights[-1]).transpose(1, 2)  # (seeds, classes, batch)
        losses = nn.functional.cross_entropy(logits, y[batch], reduction="none").mean(1)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        scheduler.step()
        if step >= STEPS - 20:
            last.append(losses.detach())
    return torch.stack(last).mean(0)


def adaptive_rate_spread(updates: int, draws: int = 4000, beta2: float = 0.999) -> list[float]:
    """Standard deviation of Adam's 1 / sqrt(v_hat) over draws of unit normal gradients, after each update."""
    torch.manual_seed(0)
    second, spread = torch.zeros(draws), []
    for update in range(1, updates + 1):
        second = beta2 * second + (1 - beta2) * torch.randn(draws).square()
        spread.append((second / (1 - beta2**update)).rsqrt().std().item())
    return spread


if __name__ == "__main__":
    figure, (first, left, right) = plt.subplots(1, 3, figsize=(12, 3.6))
    first.plot(range(60), curve(60), linewidth=2, label="torch, LinearLR")
    closed = [learning_rate(step, 1.0, WARMUP) for step in range(0, 60, 4)]
    first.plot(range(0, 60, 4), closed, "o", markersize=4, label="closed form")
    first.set(xlabel="update", ylabel="factor of the base rate", title=f"warm-up of {WARMUP} updates")
    first.legend(fontsize="small", loc="lower right")
    rows, numbers = [], {}
    for warmup, name, marker in ((1, "no warm-up", "o"), (WARMUP, f"{WARMUP} updates of warm-up", "s")):
        losses = [train(lr, warmup) for lr in RATES]
        numbers[name] = {str(lr): loss.tolist() for lr, loss in zip(RATES, losses, strict=True)}
        left.plot(RATES, [loss.median().item() for loss in losses], marker=marker, label=name)
        rows.append([name, *(f"{loss.median():.2f} ({loss.min():.2f} to {loss.max():.2f})" for loss in losses)])
    left.axhline(math.log(10), linestyle=":", linewidth=1)
    left.annotate("guessing", (RATES[0], math.log(10) * 0.75))
    left.set(
        xscale="log", yscale="log", xlabel="base rate", ylabel="training loss", title="SGD, weights 2.8 times too large"
    )
    left.legend(fontsize="small", loc="center left")
    spread = adaptive_rate_spread(200)
    right.plot(range(5, 201), spread[4:])
    right.set(
        xlabel="update", ylabel="std of 1 / sqrt(v)", title="Adam's step size, unit normal gradients", ylim=(0, None)
    )
    figure.tight_layout()
    plt.savefig("lr-warmup.svg")
    with Path("lr-warmup.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["schedule", *(f"base rate {lr}" for lr in RATES)], *rows])
    Path("lr-warmup.json").write_text(json.dumps(numbers))
    print(f"std of Adam's 1/sqrt(v): update 5 {spread[4]:.1f}, update 200 {spread[199]:.2f}")
