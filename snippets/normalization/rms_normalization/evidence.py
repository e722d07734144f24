"""A small network on digits with RMSNorm, LayerNorm and neither, at four learning rates; and how large the mean is.

Source: Zhang and Sennrich, "Root Mean Square Layer Normalization", 2019.
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

RATES, SEEDS, STEPS, WIDTH = [0.001, 0.003, 0.01, 0.03], 2, 60, 32
NORMS: dict[str, tuple[Callable[[int], nn.Module], str]] = {
    "no normalization": (lambda features: nn.Identity(), "s--"),
    "LayerNorm": (nn.LayerNorm, "^-."),
    "RMSNorm": (nn.RMSNorm, "o-"),
}


def mean_share(model: nn.Sequential, x: Tensor) -> float:
    """What part of the second linear layer's mean square is the square of its mean over the features."""
    hidden = model[:4](x)  # (samples, features), before the second normalization
    return (hidden.mean(dim=1).square().mean() / hidden.square().mean()).item()


def run(norm: Callable[[int], nn.Module], lr: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Test accuracy after STEPS steps of Adam, and the share of the mean."""
    torch.manual_seed(seed)
    hidden = [nn.Linear(64, WIDTH), norm(WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), norm(WIDTH), nn.ReLU()]
    model = nn.Sequential(*hidden, nn.Linear(WIDTH, 10))
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(STEPS):
        batch = train[torch.randint(len(train), (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item(), mean_share(model, x[test])


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    results: dict[str, dict[str, list]] = {}
    rows = [[f"{lr:g}"] for lr in RATES]
    for name, (norm, style) in NORMS.items():
        runs = [[run(norm, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        accuracies = [[accuracy for accuracy, _ in of_rate] for of_rate in runs]  # (rates, seeds)
        results[name] = {"accuracy": accuracies, "mean share": [[share for _, share in of_rate] for of_rate in runs]}
        plt.plot(RATES, [mean(row) for row in accuracies], style, label=name)
        for row, of_rate in zip(rows, accuracies, strict=True):
            row.append(" / ".join(f"{accuracy:.2f}" for accuracy in of_rate))
    plt.xscale("log")
    plt.xlabel("learning rate")
    plt.ylabel("test accuracy, mean of two seeds")
    plt.legend()
    plt.savefig("rms-normalization.svg")
    with Path("rms-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["learning rate", *NORMS], *rows])
    Path("rms-normalization.json").write_text(json.dumps(results))
    shares = [share for of_rate in results["LayerNorm"]["mean share"] for share in of_rate]
    print(f"the mean that LayerNorm subtracts is at most {max(shares):.0%} of the mean square")
