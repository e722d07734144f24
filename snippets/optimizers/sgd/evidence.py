"""Mini-batches against the whole data set at the same number of passes, on handwritten digits.

Source: Robbins and Monro, "A Stochastic Approximation Method", 1951.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

EPOCHS, SEEDS = 12, 3


def losses_by_epoch(batch_size: int, lr: float, seed: int, x: Tensor, y: Tensor) -> list[float]:
    """Training loss on all 1,797 digits before the first and after every epoch."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    with torch.no_grad():
        losses = [nn.functional.cross_entropy(model(x), y).item()]
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(model(x), y).item())
    return losses


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    rows, results = [], {}
    for batch_size, marker in [(1797, "o"), (256, "s"), (32, "^")]:
        curves = {}
        for lr in [0.1, 0.3, 1.0]:
            runs = torch.tensor([losses_by_epoch(batch_size, lr, seed, x, y) for seed in range(SEEDS)])
            results[f"{batch_size}, {lr}"] = runs.tolist()  # (seeds, epochs + 1)
            curves[lr] = runs.mean(dim=0)
        best = min(curves, key=lambda lr: curves[lr][-1].item())  # each batch size gets its own best rate
        label = "whole data set" if batch_size == 1797 else f"batch {batch_size}"
        plt.plot(range(EPOCHS + 1), curves[best].tolist(), marker=marker, label=f"{label}, lr {best}")
        steps = EPOCHS * -(-1797 // batch_size)
        rows.append([label, best, steps, f"{curves[best][-1]:.3f}"])
    plt.yscale("log")
    plt.xlabel("passes over the data")
    plt.ylabel("training loss")
    plt.legend()
    plt.savefig("sgd.svg")
    with Path("sgd.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["gradient from", "best lr", "steps taken", "training loss"], *rows])
    Path("sgd.json").write_text(json.dumps(results))
    for row in rows:
        print(f"{row[0]:15} {row[2]:4} steps")
