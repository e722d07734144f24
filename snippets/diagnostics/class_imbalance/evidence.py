"""Digits with five rare classes: recall and predicted frequency of the rare ones, without and with corrections.

Source: the comparison of Buda et al., "A systematic study of the class imbalance problem in …", 2017, in the small.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

COMMON, RARE, SEEDS, STEPS = 100, 5, 5, 300
METHODS = ("no correction", "class weights", "balanced sampler", "weights and sampler", "shift after training")


def split(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Training indices, 100 of each digit from 0 to 4 and 5 of each other one; test indices, 60 others of each."""
    order = torch.randperm(len(y))
    places = [order[y[order] == digit] for digit in range(10)]
    train = [each[60 : 60 + (COMMON if digit < 5 else RARE)] for digit, each in enumerate(places)]
    return torch.cat(train), torch.cat([each[:60] for each in places])


def run(method: str, seed: int, x: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
    """Recalls on test images, and the predicted frequency of rare digits among images mixed as those of training."""
    torch.manual_seed(seed)
    train, test = split(y)
    counts = torch.bincount(y[train], minlength=10)
    weights = len(train) / (10 * counts)  # (classes,)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    chances = weights[y[train]] if "sampler" in method else torch.ones(len(train))
    for _ in range(STEPS):
        batch = train[torch.multinomial(chances, 64, replacement=True)]
        optimizer.zero_grad()
        weight = weights if "weights" in method else None
        nn.functional.cross_entropy(model(x[batch]), y[batch], weight=weight).backward()
        optimizer.step()
    with torch.no_grad():
        logits = model(x[test])
    if method == "shift after training":
        logits = logits + weights.log()
    right = (logits.argmax(dim=1) == y[test]).float().reshape(10, 60).mean(dim=1)  # recall of each digit
    of_rare = logits.softmax(dim=1)[:, 5:].sum(dim=1).reshape(10, 60).mean(dim=1)  # predicted, for images of each digit
    predicted = (of_rare * counts / counts.sum()).sum()
    return {"common": right[:5].mean().item(), "rare": right[5:].mean().item(), "predicted": predicted.item()}


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = {method: [run(method, seed, x, y) for seed in range(SEEDS)] for method in METHODS}
    rows = []
    places = torch.arange(len(METHODS))
    for shift, (key, label, hatch) in enumerate([("common", "common classes", ""), ("rare", "rare classes", "//")]):
        means = [sum(r[key] for r in results[method]) / SEEDS for method in METHODS]
        plt.barh((places + 0.4 * shift).tolist(), means, height=0.4, hatch=hatch, label=label)
    for method, runs in results.items():
        values = {key: torch.tensor([r[key] for r in runs]) for key in runs[0]}
        rows.append([method, *(f"{v.mean():.3f} ± {v.std():.3f}" for v in values.values())])
    plt.yticks((places + 0.2).tolist(), list(METHODS))
    plt.gca().invert_yaxis()
    plt.xlabel("mean recall")
    plt.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    plt.tight_layout()
    plt.savefig("class-imbalance.svg")
    header = ["correction", "recall, common classes", "recall, rare classes", "predicted frequency of the rare classes"]
    with Path("class-imbalance.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    Path("class-imbalance.json").write_text(json.dumps(results))
    print(f"true frequency of the rare classes: {RARE / (RARE + COMMON):.3f}")
