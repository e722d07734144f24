"""When to drop the rate: exact mean loss of SGD on a quadratic with a steep and a flat direction.

Source: torch.optim.lr_scheduler.MultiStepLR, PyTorch 2.x
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import MultiStepLR

STEPS, BASE = 200, 0.5
MILESTONES = {"early, 10 and 20 %": (20, 40), "usual, 50 and 75 %": (100, 150), "late, 95 and 98 %": (190, 196)}


def rates_of(milestones: tuple[int, ...]) -> list[float]:
    """Rates that torch's scheduler gives."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = MultiStepLR(optimizer, milestones=milestones, gamma=0.1)
    rates = []
    for _ in range(STEPS):
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return rates


def mean_loss(rates: list[float]) -> list[float]:
    """Mean of sum(h x**2) / 2 under x <- x - lr * (h x + noise): a recursion of mean and variance, nothing drawn."""
    curvatures, means, variances = (1.0, 0.05), [3.0, 3.0], [0.0, 0.0]
    losses = []
    for lr in rates:
        for i, h in enumerate(curvatures):
            means[i] *= 1 - lr * h
            variances[i] = (1 - lr * h) ** 2 * variances[i] + lr**2
        losses.append(sum(h * (m * m + v) / 2 for h, m, v in zip(curvatures, means, variances, strict=True)))
    return losses


if __name__ == "__main__":
    torch.manual_seed(0)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, results = [], {}
    for (name, milestones), style in zip(MILESTONES.items(), ("--", "-", "-."), strict=True):
        rates = rates_of(milestones)
        losses = results[name] = mean_loss(rates)
        left.step(range(STEPS), rates, where="post", linestyle=style, linewidth=2, label=name)
        right.plot(losses, linestyle=style, linewidth=2, label=name)
        rows.append([name, f"{losses[-1]:.4f}"])
    never = results["never"] = mean_loss([BASE] * STEPS)
    right.plot(never, linestyle=":", label="never")
    rows.append(["never", f"{never[-1]:.4f}"])
    left.set(yscale="log", xlabel="step", ylabel="learning rate", title="two drops to a tenth")
    right.set(yscale="log", xlabel="step", ylabel="mean loss", title="noisy quadratic, exact mean")
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("multi-step-lr.svg")
    with Path("multi-step-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["milestones", "mean loss after 200 updates"], *rows])
    Path("multi-step-lr.json").write_text(json.dumps(results))
    print("loss at the end:", ", ".join(f"{name.split(',')[0]} {value}" for name, value in rows))
