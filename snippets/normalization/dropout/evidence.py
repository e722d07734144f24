"""Test accuracy against the dropout rate: few digits with wrong labels, few with right ones, and a small network.

Source: Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

SEEDS, RATES = 4, [0.0, 0.2, 0.5]
SITUATIONS = {  # images, hidden units, share of training labels drawn at random
    "200 images, a fifth of labels random": (200, 128, 0.2),
    "200 images": (200, 128, 0.0),
    "1,000 images, 12 hidden units": (1000, 12, 0.0),
}


def forward(weights: list[Tensor], x: Tensor, p: float, training: bool) -> Tensor:
    """Logits (seeds, batch, 10) of as many networks as seeds; dropout after both hidden layers."""
    for weight, bias in zip(weights[:4:2], weights[1:4:2], strict=True):
        x = F.dropout(torch.baddbmm(bias, x, weight).relu(), p, training)
    return torch.baddbmm(weights[5], x, weights[4])


def train(p: float, images: int, hidden: int, wrong: float, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    """Accuracy of each seed on training and on test images, in evaluation mode; all seeds are trained at once."""
    torch.manual_seed(0)
    order = torch.stack([torch.randperm(len(x)) for _ in range(SEEDS)])
    train, test = order[:, :images], order[:, images:]
    labels = torch.where(torch.rand(SEEDS, images) < wrong, torch.randint(10, (SEEDS, images)), y[train])
    weights = []
    for inputs, outputs in [(64, hidden), (hidden, hidden), (hidden, 10)]:
        weights += [torch.randn(SEEDS, inputs, outputs) * (2 / inputs) ** 0.5, torch.zeros(SEEDS, 1, outputs)]
    optimizer = torch.optim.Adam([weight.requires_grad_() for weight in weights], lr=3e-3, fused=True)
    for _ in range(150):
        batch = torch.randint(images, (SEEDS, 32))
        logits = forward(weights, x[train.gather(1, batch)], p, training=True)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.gather(1, batch).flatten())
        optimizer.zero_grad()
        (SEEDS * loss).backward()
        optimizer.step()
    with torch.no_grad():
        right = [forward(weights, x[part], p, training=False).argmax(-1) for part in (train, test)]
    pairs = [(right[0], labels), (right[1], y[test])]
    fitted, accuracy = [(guess == truth).float().mean(dim=1).tolist() for guess, truth in pairs]
    return fitted, accuracy


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, dict[str, list]] = {}
    rows = []
    for (name, setting), style in zip(SITUATIONS.items(), ["o-", "s--", "^:"], strict=True):
        runs = [train(p, *setting, x, y) for p in RATES]
        results[name] = {"train": [run[0] for run in runs], "test": [run[1] for run in runs]}  # (rates, seeds)
        scores = torch.tensor(results[name]["test"])
        plt.errorbar(RATES, scores.mean(dim=1).tolist(), scores.std(dim=1).tolist(), fmt=style, capsize=3, label=name)
        rows.append([name, *(f"{row.mean():.3f} ± {row.std():.3f}" for row in scores)])
    plt.xlabel("dropout rate p")
    plt.ylabel("test accuracy")
    plt.legend()
    plt.savefig("dropout.svg")
    with Path("dropout.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["situation", *(f"p = {p:g}" for p in RATES)], *rows])
    Path("dropout.json").write_text(json.dumps(results))
    best = torch.tensor([results[name]["test"] for name in SITUATIONS]).mean(dim=2).argmax(dim=1)  # (situations,)
    print(f"best rates: {[RATES[i] for i in best.tolist()]}")
