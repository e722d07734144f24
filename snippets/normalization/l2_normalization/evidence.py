"""Nearest neighbours on digits by dot product, distance and cosine, when test images change in length or in offset.

Source: Wang et al., "NormFace: L2 Hypersphere Embedding for Face Verification", 2017
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

FACTORS = [1.0, 0.8, 0.6, 0.4, 0.2]
MEASURES = {"cosine": "o-", "distance": "s--", "dot product": "^:"}


def neighbours(train: Tensor, test: Tensor, measure: str) -> Tensor:
    """For each test image the index of the training image that is nearest."""
    if measure == "distance":
        return torch.cdist(test, train).argmin(dim=1)
    if measure == "cosine":
        train, test = F.normalize(train, dim=1), F.normalize(test, dim=1)
    return (test @ train.T).argmax(dim=1)


if __name__ == "__main__":
    digits = load_digits()
    torch.manual_seed(0)
    order = torch.randperm(1797)
    x = torch.tensor(digits.data, dtype=torch.float32)[order] / 16  # (1797, 64)
    y = torch.tensor(digits.target)[order]
    train, test, labels = x[:1000], x[1000:], y[1000:]
    results: dict[str, dict[str, float]] = {}
    for measure, style in MEASURES.items():
        changed = {f"brightness × {factor:g}": factor * test for factor in FACTORS} | {"brightness + 0.3": test + 0.3}
        results[measure] = {
            name: (y[neighbours(train, images, measure)] == labels).float().mean().item()
            for name, images in changed.items()
        }
        plt.plot(FACTORS, list(results[measure].values())[: len(FACTORS)], style, label=measure)
        dim = torch.rand(1000, 1) < 0.5  # half of the training images are dark: is a new one?
        index = neighbours(torch.where(dim, 0.4 * train, train), 0.4 * test, measure)
        results[measure]["is it dark?"] = dim[index].float().mean().item()
    plt.xlabel("factor on the test images")
    plt.ylabel("accuracy of the nearest neighbour")
    plt.legend()
    plt.savefig("l2-normalization.svg")
    names = ["brightness × 1", "brightness × 0.4", "brightness + 0.3", "is it dark?"]
    rows = [[name, *(f"{results[measure][name]:.3f}" for measure in MEASURES)] for name in names]
    with Path("l2-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["test images", *MEASURES], *rows])
    Path("l2-normalization.json").write_text(json.dumps(results))
    print(f"brightness × 0.2: {[round(result['brightness × 0.2'], 2) for result in results.values()]}")
