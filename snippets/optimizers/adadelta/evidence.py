"""AdaDelta on digits: two values of eps and a learning rate of 0.001, and Adam beside it.

Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

RUNS: list[tuple[str, str, Callable[..., torch.optim.Optimizer]]] = [
    ("Adadelta, eps 1e-6 (torch)", "o-", lambda p: torch.optim.Adadelta(p)),
    ("Adadelta, eps 1e-4", "s-", lambda p: torch.optim.Adadelta(p, eps=1e-4)),
    ("Adadelta, lr 0.001", "v:", lambda p: torch.optim.Adadelta(p, lr=0.001)),
    ("Adam, lr 0.001", "^--", lambda p: torch.optim.Adam(p, lr=0.001)),
]


def losses(make: Callable[..., torch.optim.Optimizer], seed: int) -> list[float]:
    """Training loss every 20 steps."""
    torch.manual_seed(seed)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)  # (images, 64), (images,)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = make(model.parameters())
    result = []
    for step in range(201):
        if step % 20 == 0:
            with torch.no_grad():
                result.append(nn.functional.cross_entropy(model(x), y).item())
        batch = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return result


if __name__ == "__main__":
    rows, results = [], {}
    for label, style, make in RUNS:
        results[label] = [losses(make, seed) for seed in range(2)]  # (seeds, points)
        mean = torch.tensor(results[label]).mean(dim=0)
        plt.plot(range(0, 201, 20), mean.tolist(), style, label=label)
        rows.append([label, f"{mean[5]:.2f}", f"{mean[-1]:.2f}"])
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("training loss")
    plt.legend()
    plt.savefig("adadelta.svg")
    with Path("adadelta.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["run", "loss after 100 steps", "after 200"], *rows])
    Path("adadelta.json").write_text(json.dumps(results))
    print("nothing but eps and lr differs between the first three runs")
