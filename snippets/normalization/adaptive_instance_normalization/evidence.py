"""What adaptive instance normalization carries over: four kinds of changed digits as styles of unchanged ones.

Source: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", 2017.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from snippets.normalization.adaptive_instance_normalization.use import adain

SEEDS, STRENGTHS = 3, [0.0, 0.25, 0.5, 0.75, 1.0]
STYLES = {
    "darkened": lambda x: 0.4 * x,
    "blurred": lambda x: F.avg_pool2d(x, 3, 1, 1),
    "mirrored": lambda x: x.flip(3),
    "inverted": lambda x: 1 - 0.5 * x,
}


def fit(x: Tensor, targets: Tensor) -> Tensor:
    """Weights of a linear model with a small L2 penalty, in closed form."""
    x = F.pad(x.flatten(1), (0, 1), value=1.0)
    return torch.linalg.solve(x.T @ x + torch.eye(x.size(1)), x.T @ targets)


def predict(x: Tensor, weights: Tensor) -> Tensor:
    """What the linear model says of features."""
    return F.pad(x.flatten(1), (0, 1), value=1.0) @ weights


def shares(change: str, seed: int, x: Tensor, y: Tensor) -> list[tuple[float, float]]:
    """For each strength: share that is taken for changed images, and share whose digit is still found."""
    torch.manual_seed(seed)
    kernel, order = torch.randn(8, 1, 3, 3) / 3, torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    plain, changed = (F.relu(F.conv2d(images, kernel, padding=1)) for images in (x, STYLES[change](x)))
    both = torch.cat([plain[train], changed[train]])
    by_style = fit(both, torch.arange(2.0).repeat_interleave(1000).unsqueeze(1))
    by_digit = fit(both, F.one_hot(y[train].repeat(2), 10).float())
    style = changed[test][torch.randperm(len(test))]  # of another digit
    found = []
    for strength in STRENGTHS:
        mixed = adain(plain[test], style, strength)
        is_changed = (predict(mixed, by_style) > 0.5).float().mean().item()
        found.append((is_changed, (predict(mixed, by_digit).argmax(dim=1) == y[test]).float().mean().item()))
    return found


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)
    results = {change: [shares(change, seed, x, y) for seed in range(SEEDS)] for change in STYLES}
    rows = []
    for (change, runs), style in zip(results.items(), ("o-", "s--", "^-.", "d:"), strict=True):
        taken = [mean(run[i][0] for run in runs) for i in range(len(STRENGTHS))]
        plt.plot(STRENGTHS, taken, style, label=change)
        kept = [mean(run[i][1] for run in runs) for i in (0, -1)]
        rows.append([change, f"{taken[-1]:.2f}", f"{kept[0]:.2f}", f"{kept[1]:.2f}"])
    plt.xlabel("strength")
    plt.ylabel("taken for changed images")
    plt.legend()
    plt.savefig("adaptive-instance-normalization.svg")
    with Path("adaptive-instance-normalization.csv").open("w", newline="") as file:
        heads = ["style", "taken for the style", "digit found before", "digit found after"]
        csv.writer(file).writerows([heads, *rows])
    Path("adaptive-instance-normalization.json").write_text(json.dumps(results))
    print(f"taken for the style: {', '.join(f'{row[0]} {row[1]}' for row in rows)}")
