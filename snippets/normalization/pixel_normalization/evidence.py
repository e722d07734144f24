"""A small generator that learns to draw 100 digits, with and without pixel normalization, at three learning rates.

Source: Karras et al., "Progressive Growing of GANs for Improved Quality, Stability, and Variation", 2017
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.pixel_normalization.use import PixelNorm

SEEDS, STEPS, RATES = 2, 50, [0.01, 0.03, 0.1]


def generator(is_normalized: bool) -> nn.Sequential:
    """From a latent vector of 16 numbers to the features of an image of 8 x 8."""
    norms = [PixelNorm() if is_normalized else nn.Identity() for _ in range(4)]
    start = [norms[0], nn.Linear(16, 256), nn.Unflatten(1, (16, 4, 4)), nn.LeakyReLU(0.2), norms[1]]
    middle = [nn.Conv2d(16, 16, 3, padding=1), nn.LeakyReLU(0.2), norms[2], nn.Upsample(scale_factor=2)]
    return nn.Sequential(*start, *middle, nn.Conv2d(16, 16, 3, padding=1), nn.LeakyReLU(0.2), norms[3])


def train(is_normalized: bool, lr: float, seed: int, images: Tensor) -> tuple[float, float]:
    """Mean squared error of the drawn images at the end, and the largest feature of the run."""
    torch.manual_seed(seed)
    images = images[torch.randperm(len(images))[:100]]
    model, last = generator(is_normalized), nn.Conv2d(16, 1, 1)
    latent = nn.Parameter(torch.randn(100, 16))  # one vector for each image, trained as well
    parameters = [*model.parameters(), *last.parameters(), latent]
    optimizer = torch.optim.Adam(parameters, lr=lr, fused=True)
    largest = 0.0
    for _ in range(STEPS):
        batch = torch.randint(100, (32,))
        features = model(latent[batch])
        largest = max(largest, features.detach().abs().max().item())
        optimizer.zero_grad()
        nn.functional.mse_loss(last(features), images[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return nn.functional.mse_loss(last(model(latent)), images).item(), largest


if __name__ == "__main__":
    images = torch.tensor(load_digits().images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
    results: dict[str, list] = {}
    rows = []
    for name, is_normalized, style in [("without", False, "s--"), ("pixel normalization", True, "o-")]:
        results[name] = [[train(is_normalized, lr, seed, images) for seed in range(SEEDS)] for lr in RATES]
        losses, largest = torch.tensor(results[name]).mean(dim=1).unbind(dim=1)  # (rates,)
        plt.plot(RATES, largest.tolist(), style, label=name)
        rows.append([name, *(f"{v:.3f}" for v in losses.tolist()), *(f"{v:.1f}" for v in largest.tolist())])
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("learning rate")
    plt.ylabel("largest feature in 50 steps")
    plt.legend()
    plt.savefig("pixel-normalization.svg")
    with Path("pixel-normalization.csv").open("w", newline="") as file:
        head = ["generator", *(f"error, lr {lr:g}" for lr in RATES), *(f"largest, lr {lr:g}" for lr in RATES)]
        csv.writer(file).writerows([head, *rows])
    Path("pixel-normalization.json").write_text(json.dumps(results))
    print(f"largest feature at a learning rate of 0.1: {rows[0][-1]} without, {rows[1][-1]} with")
