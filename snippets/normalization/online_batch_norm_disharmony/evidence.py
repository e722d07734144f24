"""Networks on digits with dropout in front of batch normalization, behind it, and behind the last one only.

Source: Li et al., "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", 2018
"""

import copy
import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, DEPTH = 2, 110, 4
PLACES = {
    "none": ("", 0.0),
    "in front of each norm, 0.3": ("front", 0.3),
    "in front of each norm, 0.5": ("front", 0.5),
    "behind each ReLU, 0.3": ("behind", 0.3),
    "behind each ReLU, 0.5": ("behind", 0.5),
    "behind the last ReLU, 0.5": ("last", 0.5),
}


def network(place: str, p: float) -> nn.Sequential:
    """Four hidden layers of 48 units with batch normalization."""
    layers: list[nn.Module] = []
    for i in range(DEPTH):
        drop = nn.Dropout(p)
        layers += [nn.Linear(48 if i else 64, 48), *([drop] if place == "front" else []), nn.BatchNorm1d(48), nn.ReLU()]
        if place == "behind" or (place == "last" and i == DEPTH - 1):
            layers.append(drop)
    return nn.Sequential(*layers, nn.Linear(48, 10))


@torch.no_grad()
def tested(model: nn.Sequential, x: Tensor, y: Tensor) -> list[float]:
    """Loss and accuracy in evaluation mode."""
    logits = model.eval()(x)
    return [nn.functional.cross_entropy(logits, y).item(), (logits.argmax(dim=1) == y).float().mean().item()]


@torch.no_grad()
def without_dropout(model: nn.Sequential, x: Tensor) -> nn.Sequential:
    """A copy whose normalizations have statistics that were computed with dropout off."""
    model = copy.deepcopy(model).eval()
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.train()
            layer.reset_running_stats()
            layer.momentum = None
    for batch in x.split(100):
        model(batch)
    return model


def train(place: str, p: float, seed: int, x: Tensor, y: Tensor) -> list[float]:
    """Test loss and accuracy with the statistics of training, and with those computed without dropout."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    model = network(place, p)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005, fused=True)
    for _ in range(STEPS):
        batch = train[torch.randint(1000, (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return tested(model, x[test], y[test]) + tested(without_dropout(model, x[train]), x[test], y[test])


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = {name: [train(*setting, seed, x, y) for seed in range(SEEDS)] for name, setting in PLACES.items()}
    means = torch.tensor(list(results.values())).mean(dim=1)  # (places, 4)
    plt.plot(means[:, 0].tolist(), list(PLACES), "s", label="statistics of training")
    plt.plot(means[:, 2].tolist(), list(PLACES), "o", fillstyle="none", label="computed without dropout")
    plt.gca().invert_yaxis()
    plt.xlabel("test loss in evaluation mode")
    plt.legend()
    plt.savefig("online-batch-norm-disharmony.svg")
    rows = [[name, *(f"{value:.3f}" for value in row)] for name, row in zip(PLACES, means.tolist(), strict=True)]
    head = ["dropout", "loss", "accuracy", "loss, statistics anew", "accuracy, statistics anew"]
    with Path("online-batch-norm-disharmony.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    Path("online-batch-norm-disharmony.json").write_text(json.dumps(results))
    print(f"in front of each norm, 0.5: loss {means[2, 0]:.2f}, with statistics anew {means[2, 2]:.2f}")
