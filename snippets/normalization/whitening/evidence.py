"""A linear classifier on digits after centring, standardizing and whitening: with many images, and with few.

Source: Wadia et al., "Whitening and second order optimization both make information in the dataset unusable", 2020
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

SEEDS, STEPS = 5, 60


def prepared(train: Tensor, test: Tensor, kind: str) -> tuple[Tensor, Tensor]:
    """Both sets after a preparation that is learned from the training set."""
    mean = train.mean(dim=0)
    train, test = train - mean, test - mean
    if kind == "standardized":
        std = train.std(dim=0) + 0.01
        return train / std, test / std
    if kind.startswith("ZCA"):
        values, vectors = torch.linalg.eigh(train.T @ train / (len(train) - 1))
        eps = float(kind.split()[-1]) * values.mean()
        matrix = (vectors / (values.clamp(min=0) + eps).sqrt()) @ vectors.T
        return train @ matrix, test @ matrix
    return train, test


def curve(train: Tensor, labels: Tensor, test: Tensor, truth: Tensor) -> list[float]:
    """Test accuracy after each step of gradient descent, with a learning rate of 2 over the largest curvature."""
    lr = 2 / torch.linalg.matrix_norm(train.T @ train / len(train), ord=2)
    weight = torch.zeros(train.shape[1], 10)
    bias = torch.zeros(10)
    found = []
    for _ in range(STEPS):
        error = torch.softmax(train @ weight + bias, dim=1) - F.one_hot(labels, 10)  # gradient of the logits
        weight -= lr * train.T @ error / len(train)
        bias -= lr * error.mean(dim=0)
        found.append(((test @ weight + bias).argmax(dim=1) == truth).float().mean().item())
    return found


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    styles = {"centred": "v:", "standardized": "s--", "ZCA, eps 1": "^-.", "ZCA, eps 0.001": "o-"}
    results: dict[str, dict[str, list]] = {"1,000 images": {}, "100 images": {}}
    _, panels = plt.subplots(1, 2, sharey=True, figsize=(8, 3.6))
    for (title, found), images, panel in zip(results.items(), [1000, 100], panels, strict=True):
        for kind, style in styles.items():
            found[kind] = []  # (seeds, steps)
            for seed in range(SEEDS):
                order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
                train, test = order[:images], order[images:]
                inputs = prepared(x[train], x[test], kind)
                found[kind].append(curve(inputs[0], y[train], inputs[1], y[test]))
            mean = torch.tensor(found[kind]).mean(dim=0).tolist()
            panel.plot(range(1, STEPS + 1), mean, style, markevery=6, label=kind)
        panel.set(title=title, xlabel="step of gradient descent", ylim=(0.6, 1))
    panels[0].set_ylabel("test accuracy")
    panels[1].legend()
    plt.savefig("whitening.svg")
    rows = []
    for kind in styles:
        means = [torch.tensor(found[kind]).mean(dim=0) for found in results.values()]
        rows.append([kind, *(f"{mean[step - 1]:.3f}" for mean in means for step in (5, STEPS))])
    with Path("whitening.csv").open("w", newline="") as file:
        head = [f"{title}, step {step}" for title in results for step in (5, STEPS)]
        csv.writer(file).writerows([["preparation", *head], *rows])
    Path("whitening.json").write_text(json.dumps(results))
    print(f"100 images, eps 0.001: {rows[-1][-1]}, centred: {rows[0][-1]}")
