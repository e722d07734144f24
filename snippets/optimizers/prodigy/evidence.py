"""Prodigy's estimate from four first guesses, and its loss on digits beside Adam's over a grid of learning rates.

Source: Mishchenko and Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", 2023.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

STEPS = 200
RATES = (1e-3, 1e-2, 0.1, 1.0, 10.0)
GUESSES = (1e-8, 1e-6, 1e-4, 1e-2)


def train(prodigy: bool, value: float, x: Tensor, y: Tensor, correct: bool = True) -> tuple[float, list[float]]:
    """Loss of a linear classifier, batches of 64, and ``d`` by step; ``value`` is Prodigy's d0 or Adam's rate."""
    torch.manual_seed(0)
    w, m, v, s = (torch.zeros(64, 10) for _ in range(4))
    d, r, path = (value if prodigy else 1.0), 0.0, []
    for t in range(1, STEPS + 1):
        rows = torch.randint(len(x), (64,))
        g = x[rows].T @ ((x[rows] @ w).softmax(1) - torch.nn.functional.one_hot(y[rows], 10)) / 64
        m = 0.9 * m + 0.1 * d * g
        v = 0.999 * v + 0.001 * (d * g).square()
        correction = 1.0 if prodigy or not correct else (1 - 0.999**t) ** 0.5 / (1 - 0.9**t)
        move = correction * m / (v.sqrt() + d * 1e-8)
        if prodigy:  # the start is 0, so (start - w) is -w
            r = 0.999**0.5 * r - d / value * d * (g * w).sum().item()
            s = 0.999**0.5 * s + d / value * d * g
            w = w - d * move
            d = max(d, r / s.abs().sum().item())
        else:
            w = w - value * move
        path.append(d)
    return torch.nn.functional.cross_entropy(x @ w, y).item(), path


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    adam = [train(False, lr, x, y)[0] for lr in RATES]
    plain = [train(False, lr, x, y, correct=False)[0] for lr in RATES]
    runs = [train(True, d0, x, y) for d0 in GUESSES]
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
