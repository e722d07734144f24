"""Test accuracy of residual networks whose last blocks are removed after training, with and without stochastic depth.

Source: Fan et al., "Reducing Transformer Depth on Demand with Structured Dropout", 2019
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

SEEDS, DEPTH, RATES = 12, 8, [0.0, 0.5]
SITUATIONS = {"200 images, width 32": (200, 32), "1,000 images, width 12": (1000, 12)}


def forward(weights: list[Tensor], x: Tensor, rates: list[float]) -> Tensor:
    """Logits (seeds, batch, 10) of as many residual networks as seeds, with a block for each rate."""
    x = x @ weights[0]
    for weight, p in zip(weights[1:-1], rates, strict=False):
        branch = F.layer_norm(x, x.shape[-1:]).relu() @ weight
        if p > 0:
            branch = branch * torch.empty(*x.shape[:2], 1).bernoulli_(1 - p).div_(1 - p)
        x = x + branch
    return F.layer_norm(x, x.shape[-1:]) @ weights[-1]


def train(last: float, images: int, width: int, x: Tensor, y: Tensor) -> list[list[float]]:
    """Test accuracy with the last 0, 1, … 7 blocks removed, for each seed; all seeds are trained at once."""
    torch.manual_seed(0)
    order = torch.stack([torch.randperm(len(x)) for _ in range(SEEDS)])
    train, test = order[:, :images], order[:, images:]
    sizes = [(64, width), *[(width, width)] * DEPTH, (width, 10)]
    weights = [torch.randn(SEEDS, *size) * 0.7 / size[0] ** 0.5 for size in sizes]
    optimizer = torch.optim.Adam([weight.requires_grad_() for weight in weights], lr=3e-3, fused=True)
    rates = [last * i / (DEPTH - 1) for i in range(DEPTH)]
    for _ in range(150):
        batch = train.gather(1, torch.randint(images, (SEEDS, 32)))
        loss = F.cross_entropy(forward(weights, x[batch], rates).flatten(0, 1), y[batch].flatten())
        optimizer.zero_grad()
        (SEEDS * loss).backward()
        optimizer.step()
    with torch.no_grad():
        guesses = [forward(weights, x[test], [0.0] * (DEPTH - removed)).argmax(dim=-1) for removed in range(DEPTH)]
    return [(guess == y[test]).float().mean(dim=1).tolist() for guess in guesses]


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, list] = {}
    styles, rows = iter(["s--", "o-", "v:", "^-."]), []
    for name, setting in SITUATIONS.items():
        for p in RATES:
            label = f"{name}, last rate {p:g}"
            results[label] = train(p, *setting, x, y)  # (removed, seeds)
            scores = torch.tensor(results[label])
            plt.plot(range(DEPTH), scores.mean(dim=1).tolist(), next(styles), label=label)
            rows.append([label, *(f"{row.mean():.3f} ± {row.std():.3f}" for row in scores[::2])])
    plt.xlabel("blocks removed after training, of 8")
    plt.ylabel("test accuracy")
    plt.legend()
    plt.savefig("stochastic-depth.svg")
    with Path("stochastic-depth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["network", *(f"{n} removed" for n in range(0, DEPTH, 2))], *rows])
    Path("stochastic-depth.json").write_text(json.dumps(results))
    half = [sum(run[4]) / SEEDS for run in list(results.values())[:2]]
    print(
        f"half of the blocks removed, 200 images: accuracy {half[0]:.1f} without, {half[1]:.1f} with stochastic depth"
    )
