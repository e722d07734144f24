"""SOAP and Adam on digits over a grid of learning rates, and SOAP over the interval between turns of its basis.

Source: Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from snippets.optimizers.soap.use import SOAP

STEPS, SEEDS, NEVER = 80, 2, 1000
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
INTERVALS = (1, 5, 10, 20, 40, NEVER)


def train(refresh: int, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss of a linear classifier after ``STEPS`` batches of 64; ``refresh`` 0 is Adam."""
    torch.manual_seed(seed)
    w = torch.zeros(64, 10, requires_grad=True)
    adam = torch.optim.Adam([w], lr=lr, betas=(0.95, 0.95))  # SOAP's
    optimizer = SOAP([w], lr=lr, weight_decay=0.0, refresh=refresh) if refresh else adam
    for step in range(STEPS + 1):
        rows = torch.randint(len(x), (64,))
        error = (x[rows] @ w.detach()).softmax(1) - torch.nn.functional.one_hot(y[rows], 10)
        w.grad = x[rows].T @ error / 64  # of the cross-entropy
        if step or refresh:  # the first gradient only makes SOAP's basis
            optimizer.step()
    return torch.nn.functional.cross_entropy(x @ w, y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    runs = {  # (rates or intervals, seeds)
        "Adam": [[train(0, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES],
        "SOAP": [[train(10, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES],
        "turns": [[train(every, 0.1, seed, x, y) for seed in range(SEEDS)] for every in INTERVALS],
    }
    Path("soap.json").write_text(json.dumps(runs))
    adam, soap, turns = ([sum(losses) / SEEDS for losses in rows] for rows in runs.values())
    left.plot(RATES, adam, "o--", label="Adam")
    left.plot(RATES, soap, "s-", label="SOAP, every 10 steps")
    right.plot(range(len(INTERVALS)), turns, "s-", label="SOAP")
    right.axhline(adam[RATES.index(0.1)], linestyle="--", label="Adam")
    right.set_xticks(range(len(INTERVALS)), [*map(str, INTERVALS[:-1]), "never"])
    left.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    right.set(xlabel="steps between turns of the basis", ylabel="training loss, rate 0.1", ylim=(0, 0.13))
    left.legend()
    right.legend()
    figure.tight_layout()
    plt.savefig("soap.svg")
    with Path("soap.csv").open("w", newline="") as file:
        rows = [["optimizer", *(f"lr {lr:g}" for lr in RATES)], ["Adam", *(f"{a:.2f}" for a in adam)]]
        rows.append(["SOAP, every 10 steps", *(f"{s:.2f}" for s in soap)])
        for every, loss in zip(INTERVALS, turns, strict=True):
            row = [""] * len(rows[0])
            row[0] = "SOAP, never turned" if every == NEVER else f"SOAP, every {every}"
            row[1 + RATES.index(0.1)] = f"{loss:.2f}"
            rows.append(row)
        csv.writer(file).writerows(rows)
    print("runs:", SEEDS * (2 * len(RATES) + len(INTERVALS)))
