"""Prodigy's estimate from four first guesses, and its loss on digits beside Adam's over a grid of learning rates.

Source: Mishchenko and Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", 2023.
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from snippets.optimizers.prodigy.use import Prodigy

STEPS = 200
RATES = (1e-3, 1e-2, 0.1, 1.0, 10.0)
GUESSES = (1e-8, 1e-6, 1e-4, 1e-2)


def train(make: Callable[[list[Tensor]], torch.optim.Optimizer], x: Tensor, y: Tensor) -> tuple[float, list[float]]:
    """Loss of a linear classifier, batches of 64, and Prodigy's ``d`` by step (1 for others)."""
    torch.manual_seed(0)
    w = torch.zeros(64, 10, requires_grad=True)
    optimizer, path = make([w]), []
    for _ in range(STEPS):
        rows = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(x[rows] @ w, y[rows]).backward()
        optimizer.step()
        path.append(optimizer.param_groups[0].get("d", 1.0))
    return torch.nn.functional.cross_entropy(x @ w, y).item(), path


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    adam = [train(partial(torch.optim.Adam, lr=lr), x, y)[0] for lr in RATES]
    # An estimate that never grows leaves Adam without its bias correction.
    plain = [train(partial(Prodigy, d0=lr, d_coef=0.0), x, y)[0] for lr in RATES]
    runs = [train(partial(Prodigy, d0=d0), x, y) for d0 in GUESSES]
    for d0, (_, path), style in zip(GUESSES, runs, ("-", "--", "-.", ":"), strict=True):
        left.plot(range(1, STEPS + 1), path, style, label=f"d0 = {d0:.0e}")
    right.plot(RATES, adam, "o--", label="Adam")
    right.plot(RATES, plain, "^:", label="Adam without bias correction")
    right.axhline(runs[1][0], label="Prodigy, lr = 1")
    left.set(yscale="log", xlabel="step", ylabel="estimate d")
    right.set(xscale="log", yscale="log", xlabel="learning rate of Adam", ylabel=f"training loss after {STEPS} steps")
    left.legend()
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("prodigy.svg")
    results = {"Adam": adam, "Adam without bias correction": plain, "Prodigy": runs}  # Prodigy's: loss, d by step
    Path("prodigy.json").write_text(json.dumps(results))
    with Path("prodigy.csv").open("w", newline="") as file:
        table = [["optimizer", "setting", "loss", "d at the end"]]
        table += [["Adam", f"lr = {lr:g}", f"{loss:.2f}", ""] for lr, loss in zip(RATES, adam, strict=True)]
        table += [["Adam, no correction", f"lr = {lr:g}", f"{a:.2f}", ""] for lr, a in zip(RATES, plain, strict=True)]
        for d0, (loss, path) in zip(GUESSES, runs, strict=True):
            table.append(["Prodigy", f"d0 = {d0:.0e}", f"{loss:.2f}", f"{path[-1]:.2f}"])
        csv.writer(file).writerows(table)
    print("runs:", 2 * len(RATES) + len(GUESSES))
