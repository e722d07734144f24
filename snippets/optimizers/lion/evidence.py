"""Lion and AdamW on digits over a grid of learning rates.

Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.optimizers.lion.use import Lion

STEPS, SEEDS = 60, 3
RATES = (1e-4, 4e-4, 1.6e-3, 6.4e-3, 2.56e-2, 0.1)


def train(name: str, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss over all digits after ``STEPS`` batches of 128."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    kind = Lion if name == "Lion" else torch.optim.AdamW
    optimizer: torch.optim.Optimizer = kind(model.parameters(), lr=lr)
    for _ in range(STEPS):
        rows = torch.randint(len(x), (128,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    plt.figure(figsize=(6, 3.4))
    table = [["optimizer", *(f"loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, style in (("AdamW", "o--"), ("Lion", "s-")):
        losses = torch.tensor([[train(name, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES])
        plt.errorbar(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), fmt=style, capsize=3, label=name)
        results[name] = losses.tolist()  # (rates, seeds)
        table.append([name, *(f"{mean:.2f}" for mean in losses.mean(1).tolist())])
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("learning rate")
    plt.ylabel(f"training loss after {STEPS} steps")
    plt.legend()
    plt.tight_layout()
    plt.savefig("lion.svg")
    with Path("lion.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("lion.json").write_text(json.dumps(results))
    print("runs:", 2 * SEEDS * len(RATES))
