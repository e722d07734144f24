"""How well a network predicts where a digit lies, with targets of several means and scales, raw and standardized.

Source: van Hasselt et al., "Learning values across many orders of magnitude", 2016, section 1
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS = 2, 150
UNITS = {"mean 0, std 1": (0.0, 1.0), "mean 10, std 1": (10.0, 1.0), "mean 1,000, std 100": (1000.0, 100.0)}
OPTIMIZERS = {
    "Adam": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "SGD": lambda p: torch.optim.SGD(p, lr=0.01, fused=True),
}


def train(optimizer: str, mean: float, std: float, way: str, seed: int, x: Tensor, z: Tensor) -> float:
    """Share of the variance of 797 targets that is explained (R squared); targets are mean + std * z."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    targets = mean + std * z
    centre, scale = (targets[train].mean(), targets[train].std()) if way == "standardized" else (0.0, 1.0)
    last = nn.Linear(32, 1)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), last)
    if way == "mean as first bias":
        nn.init.constant_(last.bias, targets[train].mean().item())
    stepper = OPTIMIZERS[optimizer](model.parameters())
    for _ in range(STEPS):
        batch = train[torch.randint(1000, (64,))]
        stepper.zero_grad()
        nn.functional.mse_loss(model(x[batch]).squeeze(1), (targets[batch] - centre) / scale).backward()
        stepper.step()
    with torch.no_grad():
        error = (model(x[test]).squeeze(1) * scale + centre - targets[test]).square().mean() / targets[test].var()
    explained = 1 - error.item()
    return explained if math.isfinite(explained) else -99.0


if __name__ == "__main__":
    images = torch.tensor(load_digits().images, dtype=torch.float32) / 16  # (1797, 8, 8)
    height = (images.sum(dim=2) * torch.arange(8.0)).sum(dim=1) / images.sum(dim=(1, 2))  # centre of mass
    z = (height - height.mean()) / height.std()
    x = images.flatten(1)
    results: dict[str, list[list[float]]] = {}
    for optimizer, ways in [("Adam", ["raw", "mean as first bias"]), ("SGD", ["raw"])]:
        for way in ways:
            runs = [[train(optimizer, *unit, way, seed, x, z) for seed in range(SEEDS)] for unit in UNITS.values()]
            results[f"{optimizer}, {way}"] = runs  # (units, seeds)
        once = [train(optimizer, 1000.0, 100.0, "standardized", seed, x, z) for seed in range(SEEDS)]
        results[f"{optimizer}, standardized"] = [once] * len(UNITS)  # the same numbers go in, whatever the unit
    rows = []
    for i, ((name, runs), style) in enumerate(zip(results.items(), ["s--", "^:", "o-", "v--", "D-"], strict=True)):
        means = [sum(run) / SEEDS for run in runs]
        plt.plot([unit + 0.05 * (i - 2) for unit in range(3)], [max(m, -0.2) for m in means], style, label=name)
        rows.append([name, *(f"{m + 0.0:.2f}".replace("-0.00", "0.00") if m > -9 else "below -9" for m in means)])
    plt.xticks(range(3), list(UNITS))
    plt.ylabel("explained variance (-0.2: that or worse)")
    plt.xlim(-0.3, 2.4)
    plt.ylim(-0.3, 1.8)
    plt.legend(loc="upper center", ncols=2)
    plt.savefig("target-normalization.svg")
    with Path("target-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["training", *UNITS], *rows])
    Path("target-normalization.json").write_text(json.dumps(results))
    print(f"Adam, mean 1,000: raw {rows[0][3]}, standardized {rows[2][3]}")
