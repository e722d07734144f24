"""Accuracy on changed digits with the statistics of training, and with statistics of the changed digits.

Source: Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", 2016
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.adaptive_batch_normalization.use import adapt_bn

SEEDS = 3
CHANGES: dict[str, Callable[[Tensor], Tensor]] = {
    "as in training": lambda x: x,
    "a third as bright": lambda x: x / 3,
    "0.5 brighter": lambda x: x + 0.5,
    "low contrast": lambda x: 0.3 * x + 0.35,
    "noise": lambda x: x + 0.3 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)),
    "inverted": lambda x: 1 - x,
}


def train(x: Tensor, y: Tensor) -> nn.Sequential:
    """A network with two convolutions, trained for 120 steps."""
    first = [nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()]
    second = [nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.ReLU()]
    model = nn.Sequential(*first, *second, nn.Flatten(), nn.Linear(256, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, fused=True)
    for _ in range(120):
        batch = torch.randint(len(x), (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return model.eval()


@torch.no_grad()
def accuracies(model: nn.Sequential, x: Tensor, y: Tensor) -> list[float]:
    """With old statistics, those of all images, of the first 16, and of each class by itself."""
    classes = torch.empty_like(y)
    for label in range(10):
        mine = y == label
        classes[mine] = adapt_bn(model, [x[mine]])(x[mine]).argmax(dim=1)
    guesses = [network(x).argmax(dim=1) for network in (model, adapt_bn(model, [x]), adapt_bn(model, [x[:16]]))]
    return [(guess == y).float().mean().item() for guess in [*guesses, classes]]


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, list[list[float]]] = {name: [] for name in CHANGES}  # (seeds, 4)
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        order = torch.randperm(len(x))
        model = train(x[order[:1000]], y[order[:1000]])
        for name, change in CHANGES.items():
            results[name].append(accuracies(model, change(x[order[1000:]]), y[order[1000:]]))
    means = torch.tensor(list(results.values())).mean(dim=1)  # (changes, 4)
    heads = ["statistics of training", "of all new images", "of 16 new images", "of one class at a time"]
    for i, (head, style) in enumerate(zip(heads, ["s", "o", "^", "x"], strict=True)):
        plt.plot(means[:, i].tolist(), list(CHANGES), style, label=head)
    plt.gca().invert_yaxis()
    plt.xlabel("accuracy")
    plt.legend()
    plt.savefig("adaptive-batch-normalization.svg")
    rows = [[name, *(f"{value:.2f}" for value in row)] for name, row in zip(CHANGES, means.tolist(), strict=True)]
    with Path("adaptive-batch-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["test images", *heads], *rows])
    Path("adaptive-batch-normalization.json").write_text(json.dumps(results))
    print(f"a third as bright: adaptation raises the accuracy by {means[1, 1] - means[1, 0]:.1f}")
