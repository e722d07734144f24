"""What multiplies and what does not: four pairs of schedulers in a chain beside the product of their factors.

Source: torch.optim.lr_scheduler, PyTorch 2.x
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, ConstantLR, CosineAnnealingLR, ExponentialLR, LambdaLR, StepLR

BASE, STEPS = 0.1, 120
Maker = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]
PAIRS: dict[str, tuple[Maker, Maker]] = {
    "Constant, Exponential": (lambda o: ConstantLR(o, 0.1, total_iters=20), lambda o: ExponentialLR(o, 0.98)),
    "Step, Exponential": (lambda o: StepLR(o, 40, 0.3), lambda o: ExponentialLR(o, 0.98)),
    "Constant, Cosine": (lambda o: ConstantLR(o, 0.1, total_iters=20), lambda o: CosineAnnealingLR(o, STEPS)),
    "Exponential, Lambda": (lambda o: ExponentialLR(o, 0.98), lambda o: LambdaLR(o, lambda t: 1 - t / STEPS)),
}


def rates(makers: tuple[Maker, ...]) -> list[float]:
    """The rate of each update under the makers' schedulers in a chain."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = ChainedScheduler([make(optimizer) for make in makers], optimizer=optimizer)
    found = []
    for _ in range(STEPS):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


def product(makers: tuple[Maker, ...]) -> list[float]:
    """What a reader expects: base times the factor of each scheduler alone."""
    alone = [rates((make,)) for make in makers]
    return [BASE * (a / BASE) * (b / BASE) for a, b in zip(*alone, strict=True)]


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 4, figsize=(10, 2.9), sharey=True)
    rows, results = [], {}
    for axis, (name, makers) in zip(axes, PAIRS.items(), strict=True):
        chain, expected = rates(makers), product(makers)
        axis.plot(chain, label="chain")
        axis.plot(expected, marker="o", markevery=15, linestyle="none", markersize=4, label="product")
        axis.set(title=name, xlabel="update")
        axis.title.set_fontsize(9)
        results[name] = {"chain": chain, "product": expected}
        rows.append([name, f"{max(abs(a - b) for a, b in zip(chain, expected, strict=True)):.4f}"])
    axes[0].set_ylabel("learning rate")
    axes[0].legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("chained-scheduler.svg")
    with Path("chained-scheduler.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["chain", "largest distance from the product"], *rows])
    Path("chained-scheduler.json").write_text(json.dumps(results))
    print("; ".join(f"{name}: {distance}" for name, distance in rows))
