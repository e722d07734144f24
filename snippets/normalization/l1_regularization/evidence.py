"""L1 and L2 penalties on 200 digits, with the pixels alone and with 200 inputs of noise beside them.

Source: Ng, "Feature selection, L1 vs. L2 regularization, and rotational invariance", 2004.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.l1_regularization.from_scratch import soft_threshold

PENALTIES, SEEDS, STEPS, LR, IMAGES = [0.0, 0.0003, 0.001, 0.003, 0.01, 0.03], 3, 100, 0.5, 200


def train(kind: str, x: Tensor, y: Tensor) -> Tensor:
    """Weights (penalties, inputs, 10) of linear classifiers, by accelerated proximal gradient descent."""
    factors = torch.tensor(PENALTIES)[:, None, None]
    targets = nn.functional.one_hot(y, 10).float()
    w = before = torch.zeros(len(PENALTIES), x.shape[1], 10)
    for step in range(STEPS):
        ahead = w + step / (step + 3) * (w - before)
        gradient = x.T @ (torch.softmax(x @ ahead, dim=2) - targets) / len(x)
        before, w = w, ahead - LR * (gradient + (factors * ahead if kind == "L2" else 0))
        if kind == "L1":
            w = torch.stack([soft_threshold(one, LR * penalty) for one, penalty in zip(w, PENALTIES, strict=True)])
    return w


def experiment(kind: str, noise: int, digits: Tensor, y: Tensor) -> dict[str, list]:
    """Accuracy on 500 images and share of weights that are zero, of pixels and of noise: (seeds, penalties)."""
    results: dict[str, list] = {"accuracy": [], "zeros": [], "zeros of noise": []}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        x = torch.cat([digits, 0.3 * torch.randn(len(digits), noise)], dim=1)  # about the spread of a pixel
        order = torch.randperm(len(x))
        w = train(kind, x[order[:IMAGES]], y[order[:IMAGES]])
        hits = (x[order[-500:]] @ w).argmax(dim=2) == y[order[-500:]]
        results["accuracy"].append(hits.float().mean(dim=1).tolist())
        results["zeros"].append((w == 0).float().mean(dim=(1, 2)).tolist())
        results["zeros of noise"].append((w[:, 64:] == 0).float().mean(dim=(1, 2)).tolist() if noise else [])
    return results


if __name__ == "__main__":
    data = load_digits()
    digits, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)  # (1797, 64), (1797,)
    results, columns = {}, [[f"{penalty:g}" for penalty in PENALTIES]]
    head = ["factor of the penalty"]
    for noise, inputs in [(0, "pixels"), (200, "pixels and noise")]:
        for kind, style in [("L1", "o-"), ("L2", "s--")]:
            results[f"{kind}, {inputs}"] = found = experiment(kind, noise, digits, y)
            accuracy, zeros = (torch.tensor(found[what]).mean(dim=0).tolist() for what in ("accuracy", "zeros"))
            plt.plot(range(len(PENALTIES)), accuracy, style, label=f"{kind}, {inputs}")
            head.append(f"accuracy, {kind}, {inputs}")
            columns.append([f"{value:.3f}" for value in accuracy])
            if kind == "L1":
                head.append(f"zeros, {kind}, {inputs}")
                columns.append([f"{value:.2f}" for value in zeros])
    plt.xticks(range(len(PENALTIES)), columns[0])
    plt.xlabel("factor of the penalty")
    plt.ylabel("test accuracy, mean of three seeds")
    plt.legend()
    plt.savefig("l1-regularization.svg")
    with Path("l1-regularization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *zip(*columns, strict=True)])
    Path("l1-regularization.json").write_text(json.dumps(results))
