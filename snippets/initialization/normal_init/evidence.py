"""The best standard deviation moves with the width: digits, a ReLU network of six layers, N(0, std^2) weights.

Source: experiment of this guide; sqrt(2 / width) is He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import csv
import itertools
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STDS = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6)
WIDTHS = {16: "s--", 64: "^-.", 256: "o-"}
SEEDS = range(3)


def accuracy(width: int, std: float, x: Tensor, y: Tensor, steps: int = 25) -> float:
    """Test accuracy after ``steps`` of SGD with momentum, mean of all SEEDS."""
    return sum(trained(width, std, x, y, steps, seed) for seed in SEEDS) / len(SEEDS)


def trained(width: int, std: float, x: Tensor, y: Tensor, steps: int, seed: int) -> float:
    """Test accuracy of one network after ``steps`` on batches of 128."""
    torch.manual_seed(seed)
    sizes = [64, *[width] * 5, 10]
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        nn.init.normal_(linear.weight, std=std)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    for step in range(steps):
        at = slice(step % 10 * 128, step % 10 * 128 + 128)
        loss = nn.functional.cross_entropy(model(x[at]), y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[1280:]).argmax(1) == y[1280:]).float().mean().item()


def load() -> tuple[Tensor, Tensor]:
    """Digits in a fixed random order: (n, 64) in [-1, 1], and their classes."""
    digits = load_digits()
    torch.manual_seed(0)
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data, dtype=torch.get_default_dtype())[order] / 8 - 1
    return x, torch.tensor(digits.target)[order]


if __name__ == "__main__":
    x, y = load()
    rows = [["width", "sqrt(2 / width)", *[f"std {std}" for std in STDS]]]
    results = {}
    for width, style in WIDTHS.items():
        found = [accuracy(width, std, x, y) for std in STDS]
        results[f"{width}"] = found
        (line,) = plt.plot(STDS, found, style, label=f"width {width}")
        plt.axvline(math.sqrt(2 / width), linestyle=":", color=line.get_color())
        rows.append([str(width), f"{math.sqrt(2 / width):.2f}", *[f"{value:.2f}" for value in found]])
        print(f"width {width}: best std {STDS[found.index(max(found))]}, sqrt(2 / width) = {math.sqrt(2 / width):.2f}")
    plt.xscale("log")
    plt.xlabel("standard deviation of the weights (dotted: sqrt(2 / width))")
    plt.ylabel("accuracy on unseen digits after 25 steps")
    plt.legend()
    plt.savefig("normal-init.svg")
    with Path("normal-init.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("normal-init.json").write_text(json.dumps(results))
