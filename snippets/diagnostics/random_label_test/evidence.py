"""How fast an MLP memorizes digits with true, half random and random labels, with noise for images, with dropout.

Source: Zhang et al., "Understanding deep learning requires rethinking generalization", 2016, section 2, in the small.
The digits are scikit-learn's.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, TRAIN, STEPS, EVERY = 3, 300, 800, 50
PROGRAMS = (
    "true labels",
    "half of the labels random",
    "random labels",
    "true labels, noise for images",
    "random labels, dropout 0.5",
    "random labels, linear model",
)


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """In eval mode, without gradients."""
    model.eval()
    with torch.no_grad():
        right = (model(x).argmax(1) == y).float().mean().item()
    model.train()
    return right


def train(program: str, seed: int) -> dict[str, list[float]]:
    """Accuracy on the training labels as given, and on test images with true labels, every 50 steps."""
    torch.manual_seed(seed)
    digits = load_digits()
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data / 16, dtype=torch.float32)[order]
    y = torch.tensor(digits.target)[order]
    x_test, y_test = x[TRAIN:], y[TRAIN:]
    x, y = x[:TRAIN], y[:TRAIN]
    if "noise" in program:
        x, x_test = torch.rand_like(x), torch.rand_like(x_test)
    share = 0.5 if "half" in program else float("random" in program)
    y = torch.where(torch.rand(TRAIN) < share, torch.randint(10, (TRAIN,)), y)
    hidden = [nn.Linear(64, 256), nn.ReLU(), nn.Dropout(0.5 if "dropout" in program else 0.0), nn.Linear(256, 10)]
    model = nn.Sequential(*([nn.Linear(64, 10)] if "linear" in program else hidden))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    scores: dict[str, list[float]] = {"train": [], "test": []}
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            scores["train"].append(accuracy(model, x, y))
            scores["test"].append(accuracy(model, x_test, y_test))
        batch = torch.randint(TRAIN, (100,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return scores


if __name__ == "__main__":
    plt.figure(figsize=(9, 4))
    rows = [["program", "steps until 95% are fitted", "training accuracy", "test accuracy", "best test accuracy"]]
    numbers = {}
    for program, marker in zip(PROGRAMS, "os^vDP", strict=True):
        runs = [train(program, seed) for seed in range(SEEDS)]
        curves = torch.tensor([[run["train"], run["test"]] for run in runs]).mean(0)  # (2, points)
        plt.plot(range(0, STEPS + 1, EVERY), curves[0].tolist(), marker=marker, markevery=2, label=program)
        fitted = (curves[0] >= 0.95).nonzero().flatten().tolist()
        steps = str(fitted[0] * EVERY) if fitted else "–"
        rows.append([program, steps, *(f"{c[-1]:.2f}" for c in curves), f"{curves[1].max():.2f}"])
        numbers[program] = runs
    plt.xlabel("step")
    plt.ylabel("accuracy on the training labels")
    plt.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    plt.tight_layout()
    plt.savefig("random-label-test.svg")
    with Path("random-label-test.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("random-label-test.json").write_text(json.dumps(numbers))
    print(f"programs: {len(PROGRAMS)}, seeds: {SEEDS}")
