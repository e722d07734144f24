"""A network on 300 digits with erased squares of 0 to 4 pixels, tested on whole and on partly hidden digits.

Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SIZES, HIDDEN, SEEDS, STEPS = [0, 2, 3, 4], 3, 3, 150


def erased(x: Tensor, size: int, probability: float) -> Tensor:
    """Images (batch, 8, 8), some without a square at a place of its own, inside the image."""
    top, left = (torch.randint(9 - size, (len(x), 1, 1)) for _ in range(2))
    rows, columns = torch.arange(8).view(8, 1), torch.arange(8)
    box = (rows >= top) & (rows < top + size) & (columns >= left) & (columns < left + size)
    return x.masked_fill(box & (torch.rand(len(x), 1, 1) < probability), 0.0)


def run(size: int, seed: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Accuracy on 1,000 whole test digits, and on the same with a hidden square, after training on 300 others."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:300], order[-1000:]
    hidden = [nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in range(STEPS):
        batch = train[torch.randint(300, (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(erased(x[batch], size, 0.5)), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        answers = [model(inputs).argmax(dim=1) for inputs in (x[test], erased(x[test], HIDDEN, 1.0))]
    whole, partly = ((answer == y[test]).float().mean().item() for answer in answers)
    return whole, partly


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32) / 16  # (1797, 8, 8)
    y = torch.tensor(digits.target)
    runs = [[run(size, seed, x, y) for seed in range(SEEDS)] for size in SIZES]  # (sizes, seeds, 2)
    rows = [[f"{size}"] for size in SIZES]
    names = ["whole digits", "digits with a hidden square"]
    for kind, (name, style) in enumerate(zip(names, ["o-", "s--"], strict=True)):
        scores = [[each[kind] for each in of_size] for of_size in runs]
        plt.plot(SIZES, [mean(row) for row in scores], style, label=name)
        for row, of_size in zip(rows, scores, strict=True):
            row.append(" / ".join(f"{score:.2f}" for score in of_size))
    plt.xticks(SIZES)
    plt.xlabel("side of the erased square in training, in pixels")
    plt.ylabel("test accuracy, mean of three seeds")
    plt.legend()
    plt.savefig("cutout-random-erasing.svg")
    with Path("cutout-random-erasing.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["erased square", *names], *rows])
    Path("cutout-random-erasing.json").write_text(json.dumps(runs))
    gains = [mean(a[kind] - b[kind] for a, b in zip(runs[2], runs[0], strict=True)) for kind in range(2)]
    print(f"squares of 3 pixels change the accuracy by {gains[0]:+.2f} on whole digits, {gains[1]:+.2f} on hidden ones")
