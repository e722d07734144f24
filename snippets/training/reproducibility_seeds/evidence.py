"""What each source of chance is worth: test accuracy on digits over 16 runs that differ by one thing alone.

Source: Summers and Dinneen, "Nondeterminism and Instability in Neural Network Optimization", 2021, section 3.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

RUNS, STEPS, TRAIN = 16, 100, 200
SOURCES = ["nothing", "one bit of one weight", "order of samples", "initial weights", "both"]
HOT = "one bit, learning rate 0.2"


def accuracy(source: str, run: int, x: torch.Tensor, y: torch.Tensor, lr: float = 0.03) -> float:
    """Accuracy on 1,597 digits after training on 200; only ``source`` differs between runs."""
    torch.manual_seed(run if source in ("initial weights", "both") else 0)
    first = nn.Linear(64, 64)
    model = nn.Sequential(first, nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    if source == "one bit of one weight":
        with torch.no_grad():
            weight = first.weight[run, 20 + run]
            weight.copy_(torch.nextafter(weight, torch.full_like(weight, 9.0)))
    order = torch.Generator(x.device).manual_seed(run if source in ("order of samples", "both") else 0)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(STEPS):
        batch = torch.randint(TRAIN, (16,), generator=order)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[TRAIN:]).argmax(dim=1) == y[TRAIN:]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = {source: [accuracy(source, run, x, y) for run in range(RUNS)] for source in SOURCES}
    results[HOT] = [accuracy("one bit of one weight", run, x, y, lr=0.2) for run in range(RUNS)]
    rows = []
    for place, (source, values) in enumerate(results.items()):
        plt.plot(values, [place] * RUNS, "o", alpha=0.5)
        runs = torch.tensor(values)
        rows.append([source, f"{runs.mean():.3f}", f"{runs.std():.3f}", f"{runs.min():.3f}", f"{runs.max():.3f}"])
    plt.yticks(range(len(results)), list(results))
    plt.gca().invert_yaxis()
    plt.xlabel("test accuracy of 16 runs each")
    plt.ylabel("what differs between runs")
    plt.savefig("reproducibility-seeds.svg")
    head = ["what differs between runs", "mean", "standard deviation", "lowest", "highest"]
    with Path("reproducibility-seeds.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    Path("reproducibility-seeds.json").write_text(json.dumps(results))
    print(f"results of {RUNS} runs that differ by nothing: {len(set(results['nothing']))}")
