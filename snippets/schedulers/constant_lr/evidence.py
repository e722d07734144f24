"""A sharp start, survived by a constant warm-up and by a linear one: the rate beside the stability limit.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2
"""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, LambdaLR, LinearLR, LRScheduler

STEPS, WARMUP, BASE = 60, 20, 0.5
Make = Callable[[torch.optim.Optimizer], LRScheduler]
SCHEDULES: dict[str, Make] = {
    "no warm-up": lambda optimizer: LambdaLR(optimizer, lambda step: 1.0),
    "ConstantLR": lambda optimizer: ConstantLR(optimizer, factor=0.1, total_iters=WARMUP),
    "LinearLR": lambda optimizer: LinearLR(optimizer, start_factor=0.1, total_iters=WARMUP),
}


def run(make: Make) -> tuple[list[float], list[float], list[float]]:
    """Rates, losses and limits 2 / sharpness of gradient descent on (u v - 1)**2 / 2 from (2.5, 2.2)."""
    w = nn.Parameter(torch.tensor([2.5, 2.2], dtype=torch.float64))
    optimizer = torch.optim.SGD([w], lr=BASE)
    scheduler = make(optimizer)
    rates, losses, limits = [], [], []
    for _ in range(STEPS):
        u, v = w.tolist()
        loss = 0.5 * (w[0] * w[1] - 1) ** 2
        if not math.isfinite(loss.item()) or loss > 1e6:
            break
        mixed = 2 * u * v - 1  # Hessian [[v v, mixed], [mixed, u u]]
        sharpness = (u * u + v * v) / 2 + math.hypot((u * u - v * v) / 2, mixed)
        rates.append(float(scheduler.get_last_lr()[0]))
        losses.append(loss.item())
        limits.append(2 / sharpness)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return rates, losses, limits


if __name__ == "__main__":
    torch.manual_seed(0)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, results = [], {}
    for (name, make), style in zip(SCHEDULES.items(), (":", "-", "--"), strict=True):
        rates, losses, limits = run(make)
        results[name] = {"losses": losses, "limits": limits}
        right.plot(losses, linestyle=style, linewidth=2, label=name)
        end = f"{losses[WARMUP]:.0e}" if len(losses) == STEPS else f"diverged at update {len(losses)}"
        rows.append([name, end])
        if name in ("ConstantLR", "LinearLR"):
            left.step(range(STEPS), rates, where="post", linestyle=style, linewidth=2, label=name)
        if name == "ConstantLR":
            left.plot(limits, "o", markersize=3, label="limit, 2 / sharpness")
    left.set(xlabel="update", ylabel="learning rate", title="rate and stability limit", ylim=(0, 1))
    left.legend(fontsize="small")
    right.set(yscale="log", ylim=(1e-12, 1e6), xlabel="update", ylabel="loss", title="(u v - 1)² / 2 from (2.5, 2.2)")
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("constant-lr.svg")
    with Path("constant-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["schedule", "loss at update 20"], *rows])
    Path("constant-lr.json").write_text(json.dumps(results))
    print("; ".join(f"{name}: {end}" for name, end in rows))
