"""LARS and SGD when layers have gradients of very different size: digits in one batch, badly scaled weights.

Source: You et al., "Large Batch Training of Convolutional Networks", 2017.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.optimizers.lars.use import LARS

STEPS, SEEDS = 40, 1
RATES = (1e-2, 0.1, 1.0, 10.0, 100.0)


def train(lars: bool, lr: float, scale: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, list[float]]:
    """Final loss, and ||weight|| / ||gradient|| of each matrix before training."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    parameters = [p for p in model.parameters() if p.ndim > 1]  # biases stay as they are
    with torch.no_grad():
        parameters[0].mul_(scale)
        parameters[2].div_(scale)
    optimizer = LARS(parameters, lr=lr) if lars else torch.optim.SGD(parameters, lr=lr, momentum=0.9)
    ratios: list[float] = []
    for _ in range(STEPS):
        gradients = torch.autograd.grad(nn.functional.cross_entropy(model(x), y), parameters)
        ratios = ratios or [(p.norm() / g.norm()).item() for p, g in zip(parameters, gradients, strict=True)]
        for p, g in zip(parameters, gradients, strict=True):
            p.grad = g
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).nan_to_num(1e3, 1e3).clamp(max=1e3).item(), ratios


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharey=True)
    table = [["weights", "optimizer", "ratio, matrix 1", "matrix 2", "matrix 3", *(f"loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for axis, scale, title in zip(axes, (1.0, 8.0), ("usual weights", "first x 8, last / 8"), strict=True):
        for name, lars, style in (("SGD", False, "o--"), ("LARS", True, "s-")):
            runs = [[train(lars, lr, scale, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
            losses = torch.tensor([[loss for loss, _ in row] for row in runs]).mean(1).tolist()
            axis.plot(RATES, losses, style, label=name)
            ratios = runs[0][0][1]
            results[f"{name}, {title}"] = {"losses": losses, "ratios": ratios}
            table.append([title, name, *(f"{ratio:.0f}" for ratio in ratios), *(f"{loss:.2f}" for loss in losses)])
        axis.set(xscale="log", yscale="log", xlabel="learning rate", title=title, ylim=(0.02, 10))
    axes[0].set(ylabel=f"training loss after {STEPS} steps")
    axes[0].legend()
    figure.tight_layout()
    plt.savefig("lars.svg")
    with Path("lars.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("lars.json").write_text(json.dumps(results))
    print("batch:", len(x), " runs:", 4 * SEEDS * len(RATES))
