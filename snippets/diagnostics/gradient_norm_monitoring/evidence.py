"""Update ratio against accuracy on digits, for SGD and Adam at learning rates from far too low to far too high.

Source: Stanford CS231n, course notes "Neural Networks Part 3", section "Ratio of weights:updates".
"""

import csv
import json
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, EARLY, SEEDS = 100, 10, 3
RATES = {
    torch.optim.SGD: [1e-3, 1e-2, 0.1, 0.5, 2.0, 10.0],
    torch.optim.Adam: [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0],
}


def train(optimizer_class: Any, lr: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Ratio of the first layer's weight and gradient norm, means of 10 steps; accuracy on 797 digits after all."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    first = nn.Linear(64, 64)
    model = nn.Sequential(first, nn.ReLU(), nn.Linear(64, 10))
    optimizer = optimizer_class(model.parameters(), lr=lr)
    weight, ratios, norms = first.weight, [], []
    for _ in range(STEPS):
        batch = train[torch.randint(len(train), (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        before = weight.detach().clone()
        norms.append(torch.nn.utils.get_total_norm([p.grad for p in model.parameters() if p.grad is not None]).item())
        optimizer.step()
        ratios.append(((weight - before).norm() / before.norm()).item())
    accuracy = (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()
    return mean(ratios[:EARLY]), mean(norms[:EARLY]), accuracy


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)  # (1797, 64)
    y = torch.tensor(digits.target)
    rows, results = [], {}
    for (optimizer_class, rates), style in zip(RATES.items(), ["o-", "s--"], strict=True):
        name = optimizer_class.__name__
        runs = [[train(optimizer_class, lr, seed, x, y) for seed in range(SEEDS)] for lr in rates]
        ratios, norms, accuracies = ([mean(run[i] for run in seeds) for seeds in runs] for i in range(3))
        results[name] = {"lr": rates, "ratio": ratios, "norm": norms, "accuracy": accuracies}
        plt.plot(ratios, accuracies, style, label=name)
        for lr, ratio, norm, accuracy in zip(rates, ratios, norms, accuracies, strict=True):
            rows.append([name, f"{lr:g}", f"{ratio:.0e}", f"{norm:.2g}", f"{accuracy:.2f}"])
    plt.axvline(1e-3, linestyle=":", color="gray", label="rule of thumb")
    plt.xscale("log")
    plt.xlabel("update / weight, first layer, mean of the first 10 steps")
    plt.ylabel("test accuracy")
    plt.legend()
    plt.savefig("gradient-norm-monitoring.svg")
    with Path("gradient-norm-monitoring.csv").open("w", newline="") as file:
        head = ["optimizer", "learning rate", "update / weight", "gradient norm", "test accuracy"]
        csv.writer(file).writerows([head, *rows])
    Path("gradient-norm-monitoring.json").write_text(json.dumps(results))
    best = {name: rows["ratio"][rows["accuracy"].index(max(rows["accuracy"]))] for name, rows in results.items()}
    print(f"best accuracy where the ratio is from 0.01 to 0.2: {all(0.01 < ratio < 0.2 for ratio in best.values())}")
