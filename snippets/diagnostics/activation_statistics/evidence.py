"""Standard deviation of the signal by layer before training, and accuracy after it, for four initializations.

Source: He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

DEPTH, SEEDS = 12, 3
STARTS = {"normal, std 0.01": "o-", "torch's default": "s--", "Kaiming": "^-.", "normal, std 0.5": "d:"}


def network(start: str) -> nn.Sequential:
    """Eleven hidden layers of 64 ReLU units and an output layer."""
    layers = [nn.Linear(64, 64 if i < DEPTH - 1 else 10) for i in range(DEPTH)]
    for layer in layers:
        if start != "torch's default":
            nn.init.zeros_(layer.bias)
        if start == "Kaiming":
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        elif start.startswith("normal"):
            nn.init.normal_(layer.weight, std=float(start.split()[-1]))
    hidden = (part for layer in layers[:-1] for part in (layer, nn.ReLU()))
    return nn.Sequential(*hidden, layers[-1])


def by_layer(model: nn.Sequential, x: Tensor) -> tuple[list[float], list[float]]:
    """Standard deviation of what each linear layer returns, of all numbers and between samples."""
    stds: list[float] = []
    between: list[float] = []
    for module in model:
        x = module(x)
        if isinstance(module, nn.Linear):
            stds.append(x.std().item())
            between.append(x.var(dim=0).mean().sqrt().item())
    return stds, between


def accuracy(model: nn.Sequential, x: Tensor, y: Tensor) -> float:
    """Accuracy on 797 digits after 150 steps of Adam on 1,000."""
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(150):
        batch = train[torch.randint(len(train), (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32)
    x = (x - x.mean()) / x.std()  # (1797, 64)
    y = torch.tensor(digits.target)
    rows, results = [], {}
    for start, style in STARTS.items():
        stds, betweens, scores = [], [], []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            model = network(start)
            with torch.no_grad():
                std, between = by_layer(model, x)
            stds.append(std)
            betweens.append(between)
            scores.append(accuracy(model, x, y))
        layers = [mean(column) for column in zip(*stds, strict=True)]
        differ = [mean(column) for column in zip(*betweens, strict=True)]
        results[start] = {"std": layers, "between": differ, "accuracy": scores}
        plt.plot(range(1, DEPTH + 1), layers, style, label=start)
        rows.append([start, f"{layers[0]:.2g}", f"{layers[-1]:.0e}", f"{differ[-1]:.0e}", f"{mean(scores):.2f}"])
    plt.yscale("log")
    plt.xlabel("layer")
    plt.ylabel("standard deviation of its output")
    plt.legend()
    plt.savefig("activation-statistics.svg")
    with Path("activation-statistics.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["start", "std, layer 1", "std, layer 12", "between samples, layer 12", "test accuracy"], *rows]
        )
    Path("activation-statistics.json").write_text(json.dumps(results))
    kaiming = results["Kaiming"]["std"]
    print(f"Kaiming: all layers within a factor of 3: {max(kaiming) < 3 * min(kaiming)}")
