"""Digits: how far accumulated gradients are from those of the large batch, and what fewer updates cost.

Source: Goyal et al., "Accurate, Large Minibatch SGD", 2017, section 2.1, for the learning rate times k.
"""

import copy
import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

MICRO, COUNTS, EPOCHS, SEEDS, LR = 8, [1, 4, 16, 64], 2, 2, 0.05
WAYS = ["sum of losses / count of targets", "mean losses, divided by k", "mean losses, not divided"]


def small_network(norm: bool = False) -> nn.Module:
    """Two layers, with batch normalization between them or without."""
    middle = [nn.BatchNorm1d(64)] if norm else []
    return nn.Sequential(nn.Linear(64, 64), *middle, nn.ReLU(), nn.Linear(64, 10))


def gradient(model: nn.Module, x: Tensor, y: Tensor, way: str, parts: int) -> Tensor:
    """The gradient of a batch, accumulated over parts of equal size, as one vector."""
    model = copy.deepcopy(model)
    for part_x, part_y in zip(x.chunk(parts), y.chunk(parts), strict=True):
        out = model(part_x)
        if way == WAYS[0]:
            loss = nn.functional.cross_entropy(out, part_y, reduction="sum") / (y != -100).sum()
        else:
            loss = nn.functional.cross_entropy(out, part_y) / (parts if way == WAYS[1] else 1)
        loss.backward()
    return parameters_to_vector([p.grad for p in model.parameters() if p.grad is not None])


def distances(x: Tensor, y: Tensor) -> dict[str, list[float]]:
    """Distance to the gradient of the whole batch of 64, as a share of its norm, of three networks or targets."""
    torch.manual_seed(0)
    some = torch.where(torch.rand(64) < torch.linspace(0, 0.9, 64), -100, y[:64])  # later parts have fewer targets
    cases = [(small_network(), y[:64]), (small_network(), some), (small_network(norm=True), y[:64])]
    found: dict[str, list[float]] = {}
    for way in WAYS:
        found[way] = []
        for model, targets in cases:
            whole = gradient(model, x[:64], targets, WAYS[0], 1)
            parts = gradient(model, x[:64], targets, way, 4)
            found[way].append(((parts - whole).norm() / whole.norm()).item())
    return found


def train(count: int, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss after two passes over the data, with one update for every ``count`` micro-batches of 8."""
    torch.manual_seed(seed)
    model = small_network()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(x)).split(MICRO * count):
            optimizer.zero_grad()
            for part in batch.split(MICRO):
                loss = nn.functional.cross_entropy(model(x[part]), y[part], reduction="sum") / len(batch)
                loss.backward()
            optimizer.step()
    with torch.no_grad():
        return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, dict[str, list[float]]] = {"distance": distances(x, y), "loss": {}}
    for name, power, style in [("same learning rate", 0, "s--"), ("learning rate times k", 1, "o-")]:
        losses = [sum(train(k, LR * k**power, seed, x, y) for seed in range(SEEDS)) / SEEDS for k in COUNTS]
        results["loss"][name] = losses
        plt.plot(COUNTS, losses, style, label=name)
    plt.axhline(2.303, linestyle=":", color="gray", label="random guessing")
    plt.xscale("log", base=2)
    plt.xticks(COUNTS, [str(k) for k in COUNTS])
    plt.xlabel("micro-batches of 8 for each update, k")
    plt.ylabel("training loss after two epochs, mean of two seeds")
    plt.legend()
    plt.savefig("gradient-accumulation.svg")
    rows = [[way, *(f"{value:.2f}" for value in row)] for way, row in results["distance"].items()]
    head = ["how the parts are added", "equal counts", "unequal counts", "with batch normalization"]
    with Path("gradient-accumulation.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    Path("gradient-accumulation.json").write_text(json.dumps(results))
    print(f"updates in {EPOCHS} epochs: {[EPOCHS * len(x.split(MICRO * k)) for k in COUNTS]}")
