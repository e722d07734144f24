"""Digits on four scales: what a network has learned after 40 updates, by learning rate, with SGD and with Adam.

Source: LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998, section 4.3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS = 3, 40
RATES = {"SGD": [0.001, 0.01, 0.1], "Adam": [0.003, 0.03]}
STYLES = {"0 to 255": "s--", "0 to 1": "^:", "standardized": "o-", "mixed units": "v-."}


def preparations(train: Tensor, test: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Training and test inputs (samples, 64) on four scales; statistics come from the training set."""
    units = 10 ** torch.empty(64).uniform_(-1.5, 1.5)  # each column in a unit of its own
    std, mean = torch.std_mean(train, dim=0)
    std[std == 0] = 1.0  # pixels that are always blank
    return {
        "0 to 255": (train * 255, test * 255),
        "0 to 1": (train, test),
        "standardized": ((train - mean) / std, (test - mean) / std),
        "mixed units": (train * units, test * units),
    }


def accuracy(
    name: str, lr: float, seed: int, data: tuple[Tensor, Tensor], labels: tuple[Tensor, Tensor], steps: int = STEPS
) -> float:
    """Test accuracy after a number of updates."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    if name == "SGD":
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, fused=True)
    for _ in range(steps):
        batch = torch.randint(len(data[0]), (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data[0][batch]), labels[0][batch]).backward()
        optimizer.step()
    return (model(data[1]).argmax(dim=1) == labels[1]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x, y = torch.tensor(digits.data, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]
    labels = (y[:1200], y[1200:])
    prepared = preparations(x[:1200], x[1200:])
    results = {
        name: {
            scale: [[accuracy(name, lr, seed, data, labels) for seed in range(SEEDS)] for lr in rates]
            for scale, data in prepared.items()
        }
        for name, rates in RATES.items()
    }  # accuracy (optimizers, scales, learning rates, seeds)
    _, panels = plt.subplots(1, 2, sharey=True, figsize=(8, 3.6))
    rows = [[scale] for scale in prepared]
    for panel, (name, of_scale) in zip(panels, results.items(), strict=True):
        for row, (scale, runs) in zip(rows, of_scale.items(), strict=True):
            means = [sum(seeds) / SEEDS for seeds in runs]
            panel.plot(RATES[name], means, STYLES[scale], label=scale)
            best = max(range(len(means)), key=means.__getitem__)
            row += [f"{means[best]:.2f} ({RATES[name][best]:g})"]
        panel.axhline(0.1, linestyle=":", color="gray")
        panel.set(xscale="log", xlabel="learning rate", title=name)
    panels[0].set_ylabel("test accuracy after 40 updates")
    panels[0].legend()
    plt.tight_layout()
    plt.savefig("input-standardization.svg")
    with Path("input-standardization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["inputs", "SGD (learning rate)", "Adam (learning rate)"], *rows])
    Path("input-standardization.json").write_text(json.dumps(results))
    print(f"pixels that are blank in all training images: {int((x[:1200].std(dim=0) == 0).sum())}")
