"""SAM on few digits with wrong labels: accuracy on the rest against the radius.

Source: Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2020.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.optimizers.sam.use import SAM

TRAIN, WRONG, STEPS, SEEDS = 300, 0.3, 150, 6
RADII = (0.0, 0.1, 0.3, 1.0, 3.0)


def train(rho: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Accuracy on the training labels, wrong ones included, and on the images that were not trained on."""
    torch.manual_seed(seed)
    order = torch.randperm(len(y))
    rows, rest = order[:TRAIN], order[TRAIN:]
    inputs = x[rows]
    labels = torch.where(torch.rand(TRAIN) < WRONG, torch.randint(10, (TRAIN,)), y[rows])
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer = SAM(model.parameters(), torch.optim.SGD, lr=0.1, rho=rho, momentum=0.9) if rho else sgd

    def closure() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        return loss.item()

    for _ in range(STEPS):
        optimizer.step(closure)
    with torch.no_grad():
        fit = (model(inputs).argmax(1) == labels).double().mean().item()
        return fit, (model(x[rest]).argmax(1) == y[rest]).double().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = torch.tensor([[train(rho, seed, x, y) for seed in range(SEEDS)] for rho in RADII]).mT  # (rho, 2, seed)
    mean, std = results.mean(2), results.std(2)
    table = [["rho", "accuracy on training labels", "accuracy on the rest", "std over seeds"]]
    plt.figure(figsize=(6, 3.4))
    ticks = range(len(RADII))
    plt.errorbar(
        ticks, mean[:, 0].tolist(), std[:, 0].tolist(), fmt="o--", capsize=3, label="training labels, 30 % random"
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
