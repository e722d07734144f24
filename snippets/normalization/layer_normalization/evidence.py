"""A small network on digits with layer, batch or no normalization, trained with batches of 2, 8 and 64.

Source: Ba et al., "Layer Normalization", 2016.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

BATCHES, SEEDS, STEPS, DEPTH, WIDTH = [2, 8, 64], 2, 100, 2, 32
NORMS: dict[str, tuple[Callable[[int], nn.Module], str]] = {
    "no normalization": (lambda features: nn.Identity(), "s--"),
    "batch norm": (nn.BatchNorm1d, "^-."),
    "layer norm": (nn.LayerNorm, "o-"),
}


def network(norm: Callable[[int], nn.Module]) -> nn.Sequential:
    """Hidden layers of ReLU units, each normalized before its ReLU, and an output layer."""
    parts: list[nn.Module] = []
    for i in range(DEPTH):
        parts += [nn.Linear(64 if i == 0 else WIDTH, WIDTH), norm(WIDTH), nn.ReLU()]
    return nn.Sequential(*parts, nn.Linear(WIDTH, 10))


def accuracy(norm: Callable[[int], nn.Module], batch_size: int, seed: int, x: Tensor, y: Tensor) -> float:
    """Test accuracy in eval mode after STEPS steps of Adam."""
    torch.manual_seed(seed)
    model = network(norm)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        batch = train[torch.randint(len(train), (batch_size,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    results = {}
    rows = [[f"{size}"] for size in BATCHES]
    for name, (norm, style) in NORMS.items():
        scores = [[accuracy(norm, size, seed, x, y) for seed in range(SEEDS)] for size in BATCHES]
        results[name] = scores  # (batches, seeds)
        plt.plot(BATCHES, [mean(row) for row in scores], style, label=name)
        for row, of_size in zip(rows, scores, strict=True):
            row.append(" / ".join(f"{score:.2f}" for score in of_size))
    plt.xscale("log", base=2)
    plt.xticks(BATCHES, [str(size) for size in BATCHES])
    plt.xlabel("batch size")
    plt.ylabel("test accuracy, mean of two seeds")
    plt.legend()
    plt.savefig("layer-normalization.svg")
    with Path("layer-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["batch size", *NORMS], *rows])
    Path("layer-normalization.json").write_text(json.dumps(results))
    best = {size: max(NORMS, key=lambda name: sum(results[name][i])) for i, size in enumerate(BATCHES)}
    print(f"highest mean accuracy by batch size: {best}")
