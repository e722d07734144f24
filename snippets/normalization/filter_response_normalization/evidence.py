"""A small convolutional network on digits: no normalization, batch norm and ReLU, filter response norm with threshold.

Source: Singh and Krishnan, "Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep
Neural Networks", 2019.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.filter_response_normalization.use import FilterResponseNormTlu

KINDS, SEEDS, WIDTH = ["no normalization", "batch norm, ReLU", "filter response norm, TLU"], 2, 12
SETTINGS = {  # batch, learning rate, steps, whether the head averages over the places
    "2 images": (2, 0.01, 120, False),
    "32 images": (32, 0.05, 40, False),
    "32 images, average pooling": (32, 0.05, 40, True),
}


def build(kind: str, pooled: bool) -> nn.Sequential:
    """Three convolutions; the last maps are 4 by 4."""
    layers: list[nn.Module] = []
    for inputs, stride in [(1, 1), (WIDTH, 2), (WIDTH, 1)]:
        layers.append(nn.Conv2d(inputs, WIDTH, 3, stride, padding=1, bias=kind == KINDS[0]))
        layers += [FilterResponseNormTlu(WIDTH)] if kind == KINDS[2] else [nn.ReLU()]
        if kind == KINDS[1]:
            layers.insert(-1, nn.BatchNorm2d(WIDTH))
    head = (
        [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(WIDTH, 10)]
        if pooled
        else [nn.Flatten(), nn.Linear(16 * WIDTH, 10)]
    )
    return nn.Sequential(*layers, *head)


def train(kind: str, setting: str, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 397 images after training on 1,400."""
    batch_size, lr, steps, pooled = SETTINGS[setting]
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1400], order[1400:]
    model = build(kind, pooled)
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
        places = [place + 0.27 * (i - 1) for place in range(len(SETTINGS))]
        plt.bar_label(plt.bar(places, means, width=0.25, label=kind, hatch=["", "//", ".."][i]), fmt="%.2f")
    plt.xticks(range(len(SETTINGS)), list(SETTINGS))
    plt.xlabel("batch")
    plt.ylabel("test accuracy, mean of two seeds")
    plt.ylim(0, 1.4)
    plt.legend(loc="upper left")
    plt.savefig("filter-response-normalization.svg")
    with Path("filter-response-normalization.csv").open("w", newline="") as file:
        rows = [[s, *(" / ".join(f"{run:.2f}" for run in results[s][kind]) for kind in KINDS)] for s in SETTINGS]
        csv.writer(file).writerows([["batch", *KINDS], *rows])
    Path("filter-response-normalization.json").write_text(json.dumps(results))
