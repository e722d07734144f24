"""Rprop and Adam on all digits at each step, and on mini-batches.

Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SIZES = [16, 64, 256, 1797]


def final_loss(name: str, batch_size: int, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss on all digits after 100 steps."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = getattr(torch.optim, name)(model.parameters(), lr=0.01)
    for _ in range(100):
        batch = torch.randperm(len(x))[:batch_size]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    table: list[list[str]] = [[str(size)] for size in SIZES]
    results = {}
    for name, style in [("Rprop", "o-"), ("Adam", "s--")]:
        runs = torch.tensor([[final_loss(name, size, seed, x, y) for size in SIZES] for seed in range(3)])
        results[name] = runs.tolist()  # (seeds, sizes)
        plt.errorbar(SIZES, runs.mean(dim=0).tolist(), runs.std(dim=0).tolist(), fmt=style, capsize=3, label=name)
        for row, mean, spread in zip(table, runs.mean(dim=0), runs.std(dim=0), strict=True):
            row.append(f"{mean:.2g} ± {spread:.1g}")
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("images in a batch (1,797 = all)")
    plt.ylabel("training loss after 100 steps")
    plt.legend()
    plt.savefig("rprop.svg")
    with Path("rprop.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["batch size", "Rprop", "Adam"], *table])
    Path("rprop.json").write_text(json.dumps(results))
    print("both at lr 0.01, 100 steps, three seeds")
