"""Waiting for a plateau, also in the wrong mode, a cosine and a constant rate on digits; three seeds.

Source: torch.optim.lr_scheduler.ReduceLROnPlateau, PyTorch 2.x; digits from scikit-learn.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

EPOCHS, SEEDS, PEAK = 60, (0, 1, 2), 0.5
WAYS = ("plateau", "wrong mode", "cosine", "constant")


def train(way: str, seed: int) -> tuple[list[float], list[float]]:
    """The rate and the validation loss of each epoch."""
    torch.manual_seed(seed)
    data = load_digits()
    x = torch.tensor(data.data[:600], dtype=torch.get_default_dtype()) / 16  # (digits, pixels)
    y = torch.tensor(data.target[:600])
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=PEAK)
    plateau = ReduceLROnPlateau(optimizer, "max" if way == "wrong mode" else "min", factor=0.3, patience=4)
    cosine = CosineAnnealingLR(optimizer, T_max=EPOCHS) if way == "cosine" else None
    rates, losses = [], []
    for _ in range(EPOCHS):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        for batch in torch.randperm(400).split(25):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(model(x[400:]), y[400:]).item())
        if cosine is not None:
            cosine.step()
        elif way != "constant":
            plateau.step(losses[-1])
    return rates, losses


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, results = [], {}
    for way, marker in zip(WAYS, "osD^", strict=True):
        runs = [train(way, seed) for seed in SEEDS]
        results[way] = [{"rates": rates, "losses": losses} for rates, losses in runs]
        middle = torch.tensor([losses for _, losses in runs]).median(0).values
        left.plot(runs[0][0], marker=marker, markevery=10, label=way)
        right.plot(middle, marker=marker, markevery=10, label=way)
        rows.append([way, f"{runs[0][0][-1]:.1e}", f"{middle[9]:.3f}", f"{middle[29]:.3f}", f"{middle[-1]:.3f}"])
    left.set(xlabel="epoch", ylabel="learning rate", title="first seed", yscale="log")
    left.legend(fontsize="small")
    right.set(xlabel="epoch", ylabel="validation loss", title="median of three seeds", yscale="log")
    figure.tight_layout()
    plt.savefig("reduce-lr-on-plateau.svg")
    with Path("reduce-lr-on-plateau.csv").open("w", newline="") as file:
        head = ["schedule", "last rate", "loss after 10 epochs", "after 30", "after 60"]
        csv.writer(file).writerows([head, *rows])
    Path("reduce-lr-on-plateau.json").write_text(json.dumps(results))
    print("validation loss after 60 epochs:", ", ".join(f"{row[0]} {float(row[4]):.2f}" for row in rows))
