"""A deep plain network on digits with local response, batch or no normalization, at two learning rates.

Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, 3.3
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS = 2, 40
RATES = [0.1, 0.3]
LAYERS: dict[str, Callable[[int], nn.Module]] = {
    "no normalization": lambda channels: nn.Identity(),
    "local response norm": lambda channels: nn.LocalResponseNorm(5, alpha=5e-4, k=2.0),
    "batch norm": nn.BatchNorm2d,
}


def accuracy(layer: Callable[[int], nn.Module], lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Test accuracy after STEPS steps of SGD with momentum."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, stride=2), nn.ReLU(), layer(8),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), layer(8),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), layer(8),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(1200, (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return (model(x[1200:]).argmax(dim=1) == y[1200:]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x = torch.tensor(digits.images, dtype=torch.float32)[order, None] / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)[order]
    results = {
        name: [[accuracy(layer, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        for name, layer in LAYERS.items()
    }  # accuracy (layers, learning rates, seeds)
    means = {name: [sum(runs) / SEEDS for runs in of_rate] for name, of_rate in results.items()}
    for (name, values), style in zip(means.items(), ["x-.", "v:", "s--"], strict=True):
        plt.plot(RATES, values, style, label=name)
    plt.axhline(0.1, linestyle=":", color="gray")
    plt.xscale("log")
    plt.xlabel("learning rate")
    plt.ylabel("test accuracy after 40 steps")
    plt.legend()
    plt.savefig("local-response-normalization.svg")
    rows = [[f"{lr:g}", *(f"{values[i]:.2f}" for values in means.values())] for i, lr in enumerate(RATES)]
    with Path("local-response-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["learning rate", *means], *rows])
    Path("local-response-normalization.json").write_text(json.dumps(results))
    print(f"best with local response norm: {max(means['local response norm']):.2f}")
