"""Accuracy on moved digits of linear layers on averaged, on largest and on flattened features; filters are patches.

Source: Lin et al., "Network In Network", 2013, section 3.2
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

TRAIN, TEST, FILTERS, MOVES = 600, 500, 48, 4
HEADS: dict[str, Callable[[Tensor], Tensor]] = {
    "global average": lambda x: x.mean(dim=(2, 3)),
    "global maximum": lambda x: x.amax(dim=(2, 3)),
    "flattened 2×2 maxima": lambda x: F.max_pool2d(x, 2).flatten(1),
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
    canvas = F.pad(images, (4,) * 4)  # (1797, 1, 16, 16)
    results: dict[str, list[list[float]]] = {name: [] for name in HEADS}
    for seed in range(2):
        torch.manual_seed(seed)
        weight = patches(images)
        moved = [canvas[-TEST:].roll(move, dims=-1) for move in range(MOVES)]
        train, *tests = ((F.conv2d(x, weight) - 0.5).relu() for x in (canvas[:TRAIN], *moved))
        for name, head in HEADS.items():
            layer = ridge(head(train), y[:TRAIN])
            guesses = [layer(head(x)).argmax(dim=1) for x in tests]
            results[name].append([(guess == y[-TEST:]).float().mean().item() for guess in guesses])
    rows = []
    for (name, runs), style in zip(results.items(), ("o-", "^-.", "s--"), strict=True):
        means = torch.tensor(runs).mean(dim=0).tolist()
        plt.plot(range(MOVES), means, style, label=name)
        rows.append([name, *(f"{mean:.3f}" for mean in means)])
    plt.xlabel("pixels by which test digits are moved")
    plt.ylabel("test accuracy")
    plt.ylim(0, 1.02)
    plt.xticks(range(MOVES))
    plt.legend(loc="center right", bbox_to_anchor=(1, 0.62))
    plt.savefig("global-average-pooling.svg")
    with Path("global-average-pooling.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["features", *(f"moved by {move}" for move in range(MOVES))], *rows])
    Path("global-average-pooling.json").write_text(json.dumps(results), encoding="utf-8")
    print(", ".join(f"{row[0]}: {row[1]}, moved by 2 {row[3]}" for row in rows))
