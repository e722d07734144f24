"""Digits at four sizes: linear classifiers on pyramids of fixed filters, trained at one size or at three.

Source: He et al., "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual Recognition", 2014, section 2.3
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from snippets.convolutions.spatial_pyramid_pooling.use import SpatialPyramidPooling

TRAIN, TEST, FILTERS = 450, 400, 24
SIZES, ONE, THREE = (12, 16, 20, 24), (16,), (12, 16, 24)
RUNS = {
    "1, trained at 16": ((1,), ONE),
    "4, trained at 16": ((4,), ONE),
    "4, 2, 1, trained at 16": ((4, 2, 1), ONE),
    "4, 2, 1, trained at 12, 16, 24": ((4, 2, 1), THREE),
}


def patches(images: Tensor) -> Tensor:
    """Filters (FILTERS, 1, 5, 5): random patches of training images, without their mean and of length 1."""
    chosen = F.unfold(images[torch.randint(TRAIN, (FILTERS,)).tolist()], 5)  # (filters, 25, places)
    patch = chosen[torch.arange(FILTERS), :, torch.randint(chosen.shape[2], (FILTERS,))]
    patch = patch - patch.mean(dim=1, keepdim=True)
    return (patch / (patch.norm(dim=1, keepdim=True) + 1e-3)).view(FILTERS, 1, 5, 5)


def ridge(x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    """The linear layer that fits one-hot targets best, with a small penalty on its weights, in closed form."""
    mean, scale = x.mean(dim=0), x.std()
    x = (x - mean) / scale
    kernel = x @ x.T
    penalty = 1e-3 * kernel.diagonal().mean() * torch.eye(len(x))
    weight = x.T @ torch.linalg.solve(kernel + penalty, F.one_hot(y, 10).float() - 0.1)
    return lambda z: ((z - mean) / scale) @ weight


if __name__ == "__main__":
    digits = load_digits()
    images, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    images, y = images[: TRAIN + TEST], y[: TRAIN + TEST]
    resized = {size: F.interpolate(images, size=(size, size), mode="bilinear") for size in SIZES}
    results: dict[str, list[list[float]]] = {name: [] for name in RUNS}
    for seed in range(2):
        torch.manual_seed(seed)
        weight = patches(resized[16])
        maps = {size: (F.conv2d(x, weight) - 0.5).relu() for size, x in resized.items()}
        for name, (levels, sizes) in RUNS.items():
            features = {size: SpatialPyramidPooling(levels)(x) for size, x in maps.items()}
            share = TRAIN // len(sizes)  # as many images in both cases; each is seen at one size
            parts = [features[size][i * share : (i + 1) * share] for i, size in enumerate(sizes)]
            layer = ridge(torch.cat(parts), y[:TRAIN])
            guesses = [layer(features[size][-TEST:]).argmax(dim=1) for size in SIZES]
            results[name].append([(guess == y[-TEST:]).float().mean().item() for guess in guesses])
    rows = []
    for (name, runs), style in zip(results.items(), ("o-", "^-.", "s--", "D:"), strict=True):
        means = torch.tensor(runs).mean(dim=0).tolist()
        plt.plot(SIZES, means, style, label=name)
        rows.append([name, *(f"{mean:.3f}" for mean in means)])
    plt.xlabel("size of test digits in pixels")
    plt.ylabel("test accuracy")
    plt.ylim(0, 1.02)
    plt.xticks(SIZES)
    plt.legend(title="levels", loc="lower left")
    plt.savefig("spatial-pyramid-pooling.svg")
    with Path("spatial-pyramid-pooling.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["levels", *(f"tested at {size}" for size in SIZES)], *rows])
    Path("spatial-pyramid-pooling.json").write_text(json.dumps(results), encoding="utf-8")
    print("\n".join(f"{row[0]}: {row[2]} at 16 pixels, {row[4]} at 24" for row in rows))
