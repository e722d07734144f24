"""A small convolutional network on digits: batch norm and group norm with ReLU, EvoNorm-S0 and EvoNorm-B0.

Source: Liu et al., "Evolving Normalization-Activation Layers", 2020.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.evonorm.use import EvoNorm2dB0, EvoNorm2dS0

KINDS, SEEDS, WIDTH = ["batch norm, ReLU", "group norm, ReLU", "EvoNorm-S0", "EvoNorm-B0"], 2, 12
SETTINGS = {"2 images": (2, 0.01, 100), "32 images": (32, 0.05, 30)}  # batch, learning rate, steps


def build(kind: str) -> nn.Sequential:
    """Three convolutions; the last maps are 2 by 2."""
    layers: list[nn.Module] = []
    for inputs, stride in [(1, 1), (WIDTH, 2), (WIDTH, 2)]:
        layers.append(nn.Conv2d(inputs, WIDTH, 3, stride, padding=1, bias=False))
        if kind.startswith("EvoNorm"):
            layers.append(EvoNorm2dS0(WIDTH, groups=4) if kind == "EvoNorm-S0" else EvoNorm2dB0(WIDTH))
        else:
            layers += [nn.BatchNorm2d(WIDTH) if kind == KINDS[0] else nn.GroupNorm(4, WIDTH), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4 * WIDTH, 10))


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
        places = [place + 0.21 * (i - 1.5) for place in range(len(SETTINGS))]
        plt.bar_label(plt.bar(places, means, width=0.19, label=kind, hatch=["", "//", "..", "xx"][i]), fmt="%.2f")
    plt.xticks(range(len(SETTINGS)), list(SETTINGS))
    plt.xlabel("batch")
    plt.ylabel("test accuracy, mean of two seeds")
    plt.ylim(0, 1.5)
    plt.legend(loc="upper left")
    plt.savefig("evonorm.svg")
    with Path("evonorm.csv").open("w", newline="") as file:
        rows = [[s, *(" / ".join(f"{run:.2f}" for run in results[s][kind]) for kind in KINDS)] for s in SETTINGS]
        csv.writer(file).writerows([["batch", *KINDS], *rows])
    Path("evonorm.json").write_text(json.dumps(results))
