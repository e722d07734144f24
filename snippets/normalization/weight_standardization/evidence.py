"""A small convolutional network on digits with two images a batch and with 32: batch norm, group norm, and weight
standardization before group norm.

Source: Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization", 2019.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.weight_standardization.from_scratch import StandardizedConv2d

KINDS, SEEDS, WIDTH = ["batch norm", "group norm", "group norm, standardized"], 2, 12
SETTINGS = {"2 images": (2, 0.02, 110), "32 images": (32, 0.2, 30)}  # batch, learning rate, steps


def build(kind: str) -> nn.Sequential:
    """Three convolutions, each with a normalization and ReLU."""
    layers: list[nn.Module] = []
    for inputs, stride in [(1, 1), (WIDTH, 2), (WIDTH, 2)]:
        conv = StandardizedConv2d if kind.endswith("standardized") else nn.Conv2d
        layers.append(conv(inputs, WIDTH, 3, stride, padding=1, bias=False))
        layers += [nn.BatchNorm2d(WIDTH) if kind == "batch norm" else nn.GroupNorm(4, WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 10))


def train(kind: str, setting: str, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 397 images after training on 1,400."""
    batch_size, lr, steps = SETTINGS[setting]
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1400], order[1400:]
    model = build(kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        batch = train[torch.randint(1400, (batch_size,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)  # (1797,)
    results = {s: {kind: [train(kind, s, seed, x, y) for seed in range(SEEDS)] for kind in KINDS} for s in SETTINGS}
    for i, kind in enumerate(KINDS):
        means = [sum(results[setting][kind]) / SEEDS for setting in SETTINGS]
        bars = plt.bar(
            [place + 0.27 * (i - 1) for place in range(len(SETTINGS))],
            means,
            width=0.25,
            label=kind,
            hatch=["", "//", ".."][i],
        )
        plt.bar_label(bars, fmt="%.2f")
    plt.xticks(range(len(SETTINGS)), list(SETTINGS))
    plt.xlabel("batch")
    plt.ylabel("test accuracy, mean of two seeds")
    plt.ylim(0, 1.35)
    plt.legend(loc="upper left")
    plt.savefig("weight-standardization.svg")
    with Path("weight-standardization.csv").open("w", newline="") as file:
        rows = [[s, *(" / ".join(f"{run:.2f}" for run in results[s][kind]) for kind in KINDS)] for s in SETTINGS]
        csv.writer(file).writerows([["batch", *KINDS], *rows])
    Path("weight-standardization.json").write_text(json.dumps(results))
