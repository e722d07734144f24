"""Cosine annealing: the curve past T_max, and the last loss on digits beside a constant and a stepped rate.

Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016, section 3
"""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, StepLR

from snippets.schedulers.cosine_annealing_lr.from_scratch import learning_rate

STEPS, RATES, SEEDS = 300, (0.01, 0.03, 0.1), 8
Make = Callable[[torch.optim.Optimizer], LRScheduler]
SCHEDULES: dict[str, Make] = {
    "constant": lambda optimizer: LambdaLR(optimizer, lambda step: 1.0),
    "step, 1/10 at half": lambda optimizer: StepLR(optimizer, STEPS // 2, gamma=0.1),
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=STEPS),
}


def train(make: Make, lr: float) -> Tensor:
    """Test loss of SEEDS small networks trained side by side, each with its own weights and batches: (seeds,)."""
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data, dtype=torch.float32)[order] / 16  # (1797, 64)
    y = torch.tensor(digits.target)[order]
    weights = [nn.Parameter(torch.randn(SEEDS, i, o) * math.sqrt(2 / i)) for i, o in ((64, 32), (32, 10))]
    optimizer = torch.optim.SGD(weights, lr=lr, momentum=0.9)
    scheduler = make(optimizer)

    def losses(x: Tensor, y: Tensor) -> Tensor:  # (seeds, batch, 64), (seeds, batch) -> (seeds,)
        logits = torch.bmm(torch.bmm(x, weights[0]).relu(), weights[1])
        return nn.functional.cross_entropy(logits.transpose(1, 2), y, reduction="none").mean(1)

    for _ in range(STEPS):
        batch = torch.randint(1200, (SEEDS, 8))
        optimizer.zero_grad()
        losses(x[batch], y[batch]).sum().backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        return losses(x[1200:].expand(SEEDS, -1, -1), y[1200:].expand(SEEDS, -1))


def curve(T_max: int, steps: int) -> list[float]:
    """Rates that torch's scheduler gives."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = CosineAnnealingLR(optimizer, T_max=T_max)
    rates = []
    for _ in range(steps):
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return rates


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    steps = range(251)
    left.plot(steps, curve(100, 251), linewidth=2, label="torch")
    closed = [learning_rate(t, base_lr=0.1, T_max=100) for t in steps]
    left.plot(steps[::10], closed[::10], "o", markersize=4, label="closed form")
    left.axvline(100, linestyle=":", linewidth=1)
    left.annotate("T_max", (102, 0.09))
    left.set(xlabel="step", ylabel="learning rate", title="it rises again after T_max")
    left.legend(loc="lower right", fontsize="small")
    rows, test_losses = [], {}
    for (name, make), marker in zip(SCHEDULES.items(), "os^", strict=True):
        results = [train(make, lr) for lr in RATES]
        test_losses[name] = {str(lr): r.tolist() for lr, r in zip(RATES, results, strict=True)}
        right.plot(RATES, [r.mean().item() for r in results], marker=marker, label=name)
        rows.append([name, *(f"{r.mean():.2f} ± {r.std():.2f}" for r in results)])
    right.set(xscale="log", yscale="log", xlabel="base rate", ylabel="test loss", title="digits, 300 updates")
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("cosine-annealing-lr.svg")
    with Path("cosine-annealing-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["schedule", *(f"base rate {lr}" for lr in RATES)], *rows])
    Path("cosine-annealing-lr.json").write_text(json.dumps(test_losses))
    print("rate at T_max and at 2 T_max:", f"{curve(100, 201)[100]:.3f} {curve(100, 201)[200]:.3f}")
