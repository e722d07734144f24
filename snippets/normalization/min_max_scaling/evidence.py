"""Digits with one damaged training image: what min-max scaling, standardizing and cutting at percentiles leave of them.

Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS = 3, 40
FACTORS = [1.0, 10.0, 100.0, 1000.0]  # the damaged image is so many times brighter


def min_max(train: Tensor) -> Callable[[Tensor], Tensor]:
    """Smallest and largest value of each feature become -1 and 1."""
    low, high = train.aminmax(dim=0)
    return lambda x: 2 * (x - low) / (high - low).clamp(min=1e-6) - 1


def standardize(train: Tensor) -> Callable[[Tensor], Tensor]:
    """Mean 0, standard deviation 1."""
    std, mean = torch.std_mean(train, dim=0)
    return lambda x: (x - mean) / torch.where(std > 0, std, 1.0)


def percentiles(train: Tensor) -> Callable[[Tensor], Tensor]:
    """The 1st and the 99th percentile become -1 and 1; what lies outside is cut."""
    low, high = train.quantile(0.01, dim=0), train.quantile(0.99, dim=0)
    return lambda x: (2 * (x - low) / (high - low).clamp(min=1e-6) - 1).clamp(-1, 1)


SCALERS = {"min-max": (min_max, "s--"), "standardize": (standardize, "o-"), "percentiles, cut": (percentiles, "^:")}


def accuracy(seed: int, data: tuple[Tensor, Tensor], labels: tuple[Tensor, Tensor]) -> float:
    """Test accuracy after STEPS updates of Adam."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(len(data[0]), (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data[0][batch]), labels[0][batch]).backward()
        optimizer.step()
    return (model(data[1]).argmax(dim=1) == labels[1]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x, y = torch.tensor(digits.data, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]
    labels = (y[:1200], y[1200:])
    results: dict[str, dict[str, list]] = {name: {"accuracy": [], "spread": []} for name in SCALERS}
    rows = []
    for factor in FACTORS:
        damaged = x[:1200].clone()
        damaged[0] = factor  # one image, white all over
        rows.append([f"{factor:g}"])
        for name, (scaler, _) in SCALERS.items():
            scaled = scaler(damaged)
            data = (scaled(damaged), scaled(x[1200:]))
            runs = [accuracy(seed, data, labels) for seed in range(SEEDS)]
            results[name]["accuracy"].append(runs)
            results[name]["spread"].append(data[1].std(dim=0).mean().item())
            rows[-1].append(f"{sum(runs) / SEEDS:.2f}")
    for name in SCALERS:
        plt.plot(FACTORS, [sum(runs) / SEEDS for runs in results[name]["accuracy"]], SCALERS[name][1], label=name)
    plt.axhline(0.1, linestyle=":", color="gray")
    plt.xscale("log")
    plt.xlabel("brightness of the damaged training image (others: at most 1)")
    plt.ylabel("test accuracy after 40 updates")
    plt.legend()
    plt.savefig("min-max-scaling.svg")
    with Path("min-max-scaling.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["brightness of the damaged image", *SCALERS], *rows])
    Path("min-max-scaling.json").write_text(json.dumps(results))
    print(f"spread of test pixels, min-max: {[round(v, 4) for v in results['min-max']['spread']]}")
