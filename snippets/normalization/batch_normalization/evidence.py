"""A network on digits with and without batch normalization: learning rates, then sizes of the batch.

Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift", 2015, section 3.3.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

RATES, BATCHES, SEEDS, STEPS = [0.03, 0.1, 0.3, 1.0, 3.0], [2, 4, 16, 64], 3, 40
STYLES = {"without": "s--", "batch normalization": "o-"}


def network(normalized: bool) -> nn.Sequential:
    """Four hidden layers of 64 ReLU units, Kaiming's initialization."""
    layers: list[nn.Module] = []
    for _ in range(4):
        linear = nn.Linear(64, 64)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.BatchNorm1d(64), nn.ReLU()] if normalized else [linear, nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def accuracy(normalized: bool, lr: float, size: int, seed: int, x: torch.Tensor, y: torch.Tensor) -> float:
    """Accuracy on 797 digits in eval mode after SGD on the other 1,000."""
    torch.manual_seed(seed)
    model = network(normalized)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for batch in train[torch.randint(1000, (STEPS, size))]:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32)
    x = (x - x.mean()) / x.std()  # (1797, 64)
    y = torch.tensor(digits.target)
    results: dict[str, dict[str, list[list[float]]]] = {}
    for name, style in STYLES.items():
        is_normalized = name != "without"
        by_rate = [[accuracy(is_normalized, lr, 64, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        by_batch = [[accuracy(is_normalized, 0.1, size, seed, x, y) for seed in range(SEEDS)] for size in BATCHES]
        results[name] = {"by rate": by_rate, "by batch": by_batch}
        plt.plot(RATES, [sorted(row)[SEEDS // 2] for row in by_rate], style, label=name)
    plt.axhline(0.1, linestyle=":", color="gray", label="random guessing")
    plt.xscale("log")
    plt.ylim(0, 1)
    plt.xlabel("learning rate")
    plt.ylabel("median test accuracy of three seeds")
    plt.legend()
    plt.savefig("batch-normalization.svg")
    rates, sizes = list(map(str, RATES)), list(map(str, BATCHES))
    tables = {"": ("learning rate", rates, "by rate"), "-batches": ("samples a batch", sizes, "by batch")}
    for part, (head, values, key) in tables.items():
        columns = [[" / ".join(f"{score:.2f}" for score in row) for row in results[name][key]] for name in STYLES]
        with Path(f"batch-normalization{part}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([[head, *STYLES], *zip(values, *columns, strict=True)])
    Path("batch-normalization.json").write_text(json.dumps(results))
    best = {name: max(sorted(row)[SEEDS // 2] for row in results[name]["by rate"]) for name in STYLES}
    print(f"best median is higher with batch normalization: {best['batch normalization'] > best['without']}")
