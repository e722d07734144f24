"""A network of five layers on digits from initial weights of four sizes: plain, weight-normalized, batch-normalized.

Source: Salimans and Kingma, "Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural
Networks", 2016.
"""

import csv
import json
from pathlib import Path
from statistics import mean, stdev

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from snippets.normalization.weight_normalization.use import initialize_

SIZES, SEEDS, STEPS, WIDTH = [0.25, 0.5, 1.0, 2.0], 4, 40, 64
KINDS = ["plain", "weight norm", "weight norm, measured start", "batch norm"]


def build(kind: str, size: float) -> nn.Sequential:
    """Five hidden layers whose weights are ``size`` times as large as Kaiming's, biases zero."""
    layers: list[nn.Module] = []
    for _ in range(5):
        layer = nn.Linear(WIDTH, WIDTH)
        nn.init.normal_(layer.weight, std=size * (2 / WIDTH) ** 0.5)
        nn.init.zeros_(layer.bias)
        layers.append(weight_norm(layer) if kind.startswith("weight") else layer)
        layers += [nn.BatchNorm1d(WIDTH)] if kind == "batch norm" else []
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(WIDTH, 10))


def train(kind: str, size: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 397 images after training on 1,400."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1400], order[1400:]
    model = build(kind, size)
    if kind == KINDS[2]:
        initialize_(model[:-1], x[train[:256]])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    for _ in range(STEPS):
        batch = train[torch.randint(1400, (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = {k: [[train(k, size, seed, x, y) for seed in range(SEEDS)] for size in SIZES] for k in KINDS}
    for kind, style in zip(KINDS, ["s--", "^:", "o-", "D-."], strict=True):
        plt.plot(SIZES, [mean(runs) for runs in results[kind]], style, label=kind)
    plt.xscale("log")
    plt.xticks(SIZES, [f"{size:g}" for size in SIZES])
    plt.minorticks_off()
    plt.xlabel("size of the initial weights (1: Kaiming's)")
    plt.ylabel("test accuracy, mean of four seeds")
    plt.legend()
    plt.savefig("weight-normalization.svg")
    with Path("weight-normalization.csv").open("w", newline="") as file:
        rows = [
            [f"{size:g}", *(f"{mean(results[kind][i]):.2f} ± {stdev(results[kind][i]):.2f}" for kind in KINDS)]
            for i, size in enumerate(SIZES)
        ]
        csv.writer(file).writerows([["size of the initial weights (1: Kaiming's)", *KINDS], *rows])
    Path("weight-normalization.json").write_text(json.dumps(results))
