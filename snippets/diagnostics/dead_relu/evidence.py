"""Dead units on digits against the learning rate, with ReLU and Leaky ReLU, and how many inputs a count needs.

Source: Lu et al., "Dying ReLU and Initialization: Theory and Numerical Examples", 2019.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

RATES, SEEDS, SIZES = [0.01, 0.1, 0.3, 1.0], 3, [1, 4, 16, 64, 256, 1000]


def train(lr: float, seed: int, activation: type[nn.Module], x: Tensor, y: Tensor) -> dict[str, list[float]]:
    """Share of 128 hidden units that are negative for all of the first n training images, and test accuracy."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    hidden, last = nn.Linear(64, 128), nn.Linear(128, 10)
    model = nn.Sequential(hidden, activation(), last)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    start = (hidden(x[train]) <= 0).all(dim=0).float().mean().item()
    for _ in range(200):
        batch = train[torch.randint(len(train), (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        dead = [(hidden(x[train[:size]]) <= 0).all(dim=0).float().mean().item() for size in SIZES]
        accuracy = (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()
    return {"start": [start], "dead": dead, "accuracy": [accuracy]}


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)  # (1797, 64)
    y = torch.tensor(digits.target)
    rows, results = [], {}
    for lr in RATES:
        row = [f"{lr:g}"]
        for activation in (nn.ReLU, nn.LeakyReLU):
            runs = [train(lr, seed, activation, x, y) for seed in range(SEEDS)]
            means = {key: [mean(column) for column in zip(*(run[key] for run in runs), strict=True)] for key in runs[0]}
            results[f"{activation.__name__} {lr:g}"] = means
            row += [f"{means['dead'][-1]:.0%}", f"{means['accuracy'][0]:.2f}"]
        rows.append(row)
    for lr, style in ((0.01, "o-"), (0.3, "s--"), (1.0, "^-.")):
        plt.plot(SIZES, results[f"ReLU {lr:g}"]["dead"], style, label=f"learning rate {lr:g}")
    plt.xscale("log")
    plt.xlabel("images that were looked at")
    plt.ylabel("share of units that look dead")
    plt.legend()
    plt.savefig("dead-relu.svg")
    with Path("dead-relu.csv").open("w", newline="") as file:
        head = ["learning rate", "dead, ReLU", "accuracy, ReLU", "always negative, Leaky ReLU", "accuracy, Leaky ReLU"]
        csv.writer(file).writerows([head, *rows])
    Path("dead-relu.json").write_text(json.dumps(results))
    print(f"dead at the start: {results['ReLU 0.01']['start'][0]:.0%}")
