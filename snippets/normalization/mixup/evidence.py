"""A network on few digits with wrong labels, and on more digits with right ones, without mixup and with two alphas.

Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2017.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.mixup.use import mixup

CASES = {"100 images, 40% of the labels random": (100, 0.4), "300 images": (300, 0.0)}
ALPHAS, SEEDS, STEPS = [0.0, 0.2, 1.0], 3, 150


def run(size: int, noise: float, alpha: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Accuracy, loss and mean confidence on 1,000 test digits, after training on some of the others."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:size], order[-1000:]
    hidden = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    labels = torch.where(torch.rand(size) < noise, torch.randint(10, (size,)), y[train])
    images = x[train]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(size, (64,))
        inputs, targets = images[batch], labels[batch]
        if alpha > 0:
            inputs, targets = mixup(inputs, targets, 10, alpha)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    with torch.no_grad():
        logits = model(x[test])
    confidence, answer = logits.softmax(dim=1).max(dim=1)
    accuracy = (answer == y[test]).float().mean().item()
    return accuracy, nn.functional.cross_entropy(logits, y[test]).item(), confidence.mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    results: dict[str, dict[str, list]] = {}
    rows = []
    for (case, (size, noise)), style in zip(CASES.items(), ["o-", "s--"], strict=True):
        runs = {alpha: [run(size, noise, alpha, seed, x, y) for seed in range(SEEDS)] for alpha in ALPHAS}
        results[case] = {str(alpha): of_alpha for alpha, of_alpha in runs.items()}  # (seeds, 3 numbers)
        plt.plot(ALPHAS, [mean(each[0] for each in of_alpha) for of_alpha in runs.values()], style, label=case)
        for alpha, of_alpha in runs.items():
            accuracies, losses, confidences = zip(*of_alpha, strict=True)
            scores = " / ".join(f"{accuracy:.2f}" for accuracy in accuracies)
            rows.append([case, f"{alpha:g}", scores, f"{mean(losses):.2f}", f"{mean(confidences):.2f}"])
    plt.xlabel("alpha (0: no mixup)")
    plt.ylabel("test accuracy, mean of three seeds")
    plt.legend()
    plt.savefig("mixup.svg")
    with Path("mixup.csv").open("w", newline="") as file:
        head = ["training data", "alpha", "test accuracy", "mean test loss", "mean confidence"]
        csv.writer(file).writerows([head, *rows])
    Path("mixup.json").write_text(json.dumps(results))
    gains = [mean(a[0] - b[0] for a, b in zip(of["1.0"], of["0.0"], strict=True)) for of in results.values()]
    print(f"gain in accuracy with alpha 1: {gains[0]:+.2f} with wrong labels, {gains[1]:+.2f} with right ones")
