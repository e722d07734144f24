"""SAM on few digits with wrong labels: accuracy on the rest against the radius.

Source: Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2020.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

TRAIN, WRONG, STEPS, SEEDS = 300, 0.3, 150, 6
RADII = (0.0, 0.1, 0.3, 1.0, 3.0)


def problem(seed: int, y: Tensor) -> tuple[Tensor, ...]:
    """Rows to train on, their labels, the other rows; then weights (in, out) and biases (1, out) of two layers."""
    torch.manual_seed(seed)
    order = torch.randperm(len(y))
    labels = torch.where(torch.rand(TRAIN) < WRONG, torch.randint(10, (TRAIN,)), y[order[:TRAIN]])
    first, second = nn.Linear(64, 64), nn.Linear(64, 10)
    start = [first.weight.T, first.bias[None], second.weight.T, second.bias[None]]
    return order[:TRAIN], labels, order[TRAIN:], *(p.detach() for p in start)


def train(rho: float, seeds: Sequence[int], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Train the networks of all seeds as one stack.

    Returns:
        accuracy on the training labels, wrong ones included, and on the images that were not trained on: (seeds,) each.
    """
    stacks = zip(*(problem(seed, y) for seed in seeds), strict=True)
    rows, labels, rest, *parameters = (torch.stack(parts) for parts in stacks)

    def logits(images: Tensor, w: Sequence[Tensor]) -> Tensor:  # (seeds, images, 64) -> (seeds, images, 10)
        return torch.relu(images @ w[0] + w[1]) @ w[2] + w[3]

    def gradient(w: Sequence[Tensor]) -> list[Tensor]:
        w = [p.requires_grad_() for p in w]
        losses = nn.functional.cross_entropy(logits(x[rows], w).mT, labels, reduction="none").mean(dim=1)
        return list(torch.autograd.grad(losses.sum(), w))  # a sum: no network's gradient depends on another network

    optimizer = torch.optim.SGD(parameters, lr=0.1, momentum=0.9)
    for _ in range(STEPS):
        g = gradient(parameters)
        if rho > 0:
            norm = torch.cat([part.flatten(1) for part in g], dim=1).norm(dim=1).view(-1, 1, 1)  # of each network
            g = gradient([p.detach() + part * (rho / norm) for p, part in zip(parameters, g, strict=True)])
        for p, part in zip(parameters, g, strict=True):
            p.grad = part
        optimizer.step()
    with torch.no_grad():
        fit = (logits(x[rows], parameters).argmax(2) == labels).double().mean(dim=1)
        return fit, (logits(x[rest], parameters).argmax(2) == y[rest]).double().mean(dim=1)


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = torch.stack([torch.stack(train(rho, range(SEEDS), x, y)) for rho in RADII])  # (rho, 2, seed)
    mean, std = results.mean(2), results.std(2)
    table = [["rho", "accuracy on training labels", "accuracy on the rest", "std over seeds"]]
    plt.figure(figsize=(6, 3.4))
    ticks = range(len(RADII))
    plt.errorbar(
        ticks, mean[:, 0].tolist(), std[:, 0].tolist(), fmt="o--", capsize=3, label="training labels, 30 % wrong"
    )
    plt.errorbar(ticks, mean[:, 1].tolist(), std[:, 1].tolist(), fmt="s-", capsize=3, label="the other images")
    for rho, (fit, rest), (_, spread) in zip(RADII, mean.tolist(), std.tolist(), strict=True):
        table.append([f"{rho:g}", f"{fit:.2f}", f"{rest:.2f}", f"{spread:.2f}"])
    plt.xticks(ticks, ["0 (SGD)", *(f"{rho:g}" for rho in RADII[1:])])
    plt.xlabel("rho")
    plt.ylabel("accuracy")
    plt.legend()
    plt.tight_layout()
    plt.savefig("sam.svg")
    with Path("sam.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("sam.json").write_text(json.dumps({"fit": results[:, 0].tolist(), "rest": results[:, 1].tolist()}))
    print("runs:", SEEDS * len(RADII))
