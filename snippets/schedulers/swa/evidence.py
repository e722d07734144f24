"""Weights that bounce at a constant rate, and their average: digits, test loss by epoch, three seeds.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.optim.swa_utils import AveragedModel, update_bn

EPOCHS, START, SEEDS, LR = 30, 10, (0, 1, 2), 1.0


def train(seed: int, cosine: bool = False) -> dict[str, list[float]]:
    """Test loss after each epoch: of the model, of the average, and of the average with batch norm left as it was."""
    torch.manual_seed(seed)
    data = load_digits()
    x = torch.tensor(data.data[:900], dtype=torch.get_default_dtype()) / 16  # (digits, pixels)
    y = torch.tensor(data.target[:900])
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    scheduler = CosineAnnealingLR(optimizer, T_max=EPOCHS) if cosine else None
    averaged = AveragedModel(model)
    losses: dict[str, list[float]] = {"model": [], "average": [], "average, update_bn forgotten": []}
    for epoch in range(EPOCHS):
        model.train()
        for batch in torch.randperm(400).split(16):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if scheduler is not None:
            scheduler.step()
        if epoch >= START:
            averaged.update_parameters(model)
        with torch.no_grad():
            losses["model"].append(nn.functional.cross_entropy(model.eval()(x[400:]), y[400:]).item())
            forgotten = nn.functional.cross_entropy(averaged.eval()(x[400:]), y[400:]).item()
            update_bn(x[:400].split(100), averaged)
            updated = nn.functional.cross_entropy(averaged.eval()(x[400:]), y[400:]).item()
        losses["average"].append(updated)
        losses["average, update_bn forgotten"].append(forgotten)
    return losses


if __name__ == "__main__":
    runs = [train(seed) for seed in SEEDS]
    annealed = [train(seed, cosine=True)["model"] for seed in SEEDS]
    curves = {name: torch.tensor([run[name] for run in runs]).median(0).values for name in runs[0]}
    curves["model, cosine"] = torch.tensor(annealed).median(0).values
    plt.figure(figsize=(7.2, 3.9), layout="constrained")
    rows = []
    for (name, curve), marker in zip(curves.items(), "osD^", strict=True):
        first = START if name.startswith("average") else 0
        plt.plot(range(first, EPOCHS), curve[first:], marker=marker, markevery=4, label=name)
        rows.append([name, *(f"{curve[epoch]:.3f}" for epoch in (START, 19, EPOCHS - 1))])
    plt.xlabel("epoch")
    plt.ylabel("test loss")
    plt.yscale("log")
    plt.figlegend(loc="outside lower center", ncols=4)
    plt.savefig("swa.svg")
    with Path("swa.csv").open("w", newline="") as file:
        head = ["what is tested", f"after epoch {START}", "after 19", f"after {EPOCHS - 1}"]
        csv.writer(file).writerows([head, *rows])
    Path("swa.json").write_text(json.dumps({"runs": runs, "annealed": annealed}))
    print("test loss at the end:", ", ".join(f"{row[0]} {row[3]}" for row in rows[:2]))
