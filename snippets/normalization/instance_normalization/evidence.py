"""Digits learned at full contrast and tested on paler, brighter images: batch, instance and no normalization.

Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS = 3, 60
CONTRASTS = [1.0, 0.7, 0.5, 0.3, 0.2]  # an image x becomes 1 - contrast + contrast * x
LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "no normalization": lambda channels: nn.Identity(),
    "batch norm": nn.BatchNorm2d,
    "instance norm": nn.InstanceNorm2d,
}


def train(layer: Callable[[int], nn.Module], seed: int, x: Tensor, y: Tensor) -> list[float]:
    """Test accuracy at each contrast of a network that saw full contrast only."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), layer(16), nn.ReLU(),
        nn.Conv2d(16, 16, 3), layer(16), nn.ReLU(),
        nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(1200, (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    accuracies = []
    with torch.no_grad():
        for contrast in CONTRASTS:
            outputs = model(1 - contrast + contrast * x[1200:])
            accuracies.append((outputs.argmax(dim=1) == y[1200:]).float().mean().item())
    return accuracies


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x = torch.tensor(digits.images, dtype=torch.float32)[order, None] / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)[order]
    results = {name: [train(layer, seed, x, y) for seed in range(SEEDS)] for name, layer in LAYERS.items()}
    means = {name: torch.tensor(runs).mean(dim=0).tolist() for name, runs in results.items()}
    for (name, values), style in zip(means.items(), ["x-.", "s--", "o-"], strict=True):
        plt.plot(CONTRASTS, values, style, label=name)
    plt.axhline(0.1, linestyle=":", color="gray")
    plt.xlabel("contrast of the test images (trained at 1)")
    plt.ylabel("test accuracy")
    plt.gca().invert_xaxis()
    plt.legend()
    plt.savefig("instance-normalization.svg")
    rows = [
        [f"{contrast:g}", *(f"{values[i]:.2f}" for values in means.values())] for i, contrast in enumerate(CONTRASTS)
    ]
    with Path("instance-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["contrast", *means], *rows])
    Path("instance-normalization.json").write_text(json.dumps(results))
    change = max(max(run) - min(run) for run in results["instance norm"])
    print(f"instance norm, largest change with the contrast: {change:.3f}")
