"""A network on 50 and on 300 digits with three amounts of label smoothing: accuracy, loss, and how sure it is.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SIZES, AMOUNTS, SEEDS, STEPS = [50, 300], [0.0, 0.1, 0.3], 3, 150


def run(size: int, smoothing: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Accuracy, plain loss and mean confidence on 1,000 test digits, after training on some of the others."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:size], order[-1000:]
    hidden = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in range(STEPS):
        batch = train[torch.randint(size, (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch], label_smoothing=smoothing).backward()
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
    for size, style in zip(SIZES, ["o-", "s--"], strict=True):
        runs = {amount: [run(size, amount, seed, x, y) for seed in range(SEEDS)] for amount in AMOUNTS}
        results[str(size)] = {str(amount): of_amount for amount, of_amount in runs.items()}  # (seeds, 3 numbers)
        gaps = [mean(confidence - accuracy for accuracy, _, confidence in of_amount) for of_amount in runs.values()]
        plt.plot(AMOUNTS, gaps, style, label=f"{size} training images")
        for amount, of_amount in runs.items():
            accuracies, losses, confidences = zip(*of_amount, strict=True)
            scores = " / ".join(f"{accuracy:.2f}" for accuracy in accuracies)
            rows.append([size, f"{amount:g}", scores, f"{mean(losses):.2f}", f"{mean(confidences):.2f}"])
    plt.axhline(0, linestyle=":", color="gray")
    plt.xlabel("label smoothing")
    plt.ylabel("confidence minus accuracy")
    plt.legend()
    plt.savefig("label-smoothing.svg")
    with Path("label-smoothing.csv").open("w", newline="") as file:
        head = ["training images", "label smoothing", "test accuracy", "mean test loss", "mean confidence"]
        csv.writer(file).writerows([head, *rows])
    Path("label-smoothing.json").write_text(json.dumps(results))
    print(f"confidence minus accuracy with 300 images: {', '.join(f'{gap:+.2f}' for gap in gaps)}")
