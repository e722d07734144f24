"""Seven trainings on digits whose curves look different, each for one reason that is known.

Source: the check list of this guide; digits from scikit-learn.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

SEEDS, EPOCHS, TRAIN = 3, 30, 600
RUNS = {  # settings that differ from those of the first
    "no fault": {},
    "learning rate of 0": {"lr": 0.0},
    "learning rate too low": {"lr": 1e-4},
    "learning rate too high": {"lr": 3.0},
    "wrong labels learned by heart": {"noise": 0.2, "lr": 1e-2},
    "three pixels seen": {"pixels": 3, "lr": 1e-2},
    "training loss with dropout": {"dropout": 0.8},
}


def train(seed: int, lr: float = 3e-3, noise: float = 0.0, pixels: int = 64, dropout: float = 0.0) -> list[list[float]]:
    """Training and validation loss of each epoch."""
    torch.manual_seed(seed)
    data = load_digits()
    order = torch.randperm(len(data.target))
    x, y = torch.tensor(data.data / 16, dtype=torch.float32)[order], torch.tensor(data.target)[order]
    wrong = torch.rand(len(y)) < noise
    y[wrong] = torch.randint(10, (int(wrong.sum()),))
    x[:, 26 + pixels :] = x[:, : 26 if pixels < 64 else 0] = 0.0  # pixels in the middle
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(dropout))
    model.append(nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    curves: list[list[float]] = [[], []]
    for _ in range(EPOCHS):
        losses = []
        model.train()
        for batch in torch.randperm(TRAIN).split(60):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            losses.append(loss.item())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            curves[1].append(nn.functional.cross_entropy(model(x[TRAIN:]), y[TRAIN:]).item())
        curves[0].append(sum(losses) / len(losses))
    return curves


if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(12, 6), sharex=True)
    numbers = {}
    rows = [["training", "training loss at the end", "validation loss, lowest", "validation loss at the end"]]
    for (name, settings), panel in zip(RUNS.items(), axes.flat, strict=False):
        numbers[name] = [train(seed, **settings) for seed in range(SEEDS)]  # type: ignore[arg-type]
        losses, val_losses = numbers[name][0]
        panel.plot(range(1, EPOCHS + 1), losses, "o-", markevery=5, label="training")
        panel.plot(range(1, EPOCHS + 1), val_losses, "s--", markevery=5, label="validation")
        panel.set(title=name, ylim=(0, min(1.1 * max(losses + val_losses), 6)))
        rows.append([name, *(f"{value:.2f}" for value in (losses[-1], min(val_losses), val_losses[-1]))])
    for panel in axes[1]:
        panel.set_xlabel("epoch")
    axes[0, 0].legend(fontsize="small")
    axes.flat[-1].remove()
    figure.tight_layout()
    plt.savefig("learning-curves.svg")
    with Path("learning-curves.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("learning-curves.json").write_text(json.dumps(numbers))
    print(f"trainings: {len(RUNS)}, seeds: {SEEDS}")
