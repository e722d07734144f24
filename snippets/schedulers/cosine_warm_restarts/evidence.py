"""What restarts do to the loss: a jump at the second, and at the end about as good as one long cosine.

Source: Loshchilov and Hutter, "SGDR", 2016; digits from scikit-learn, a small MLP, three seeds.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, LRScheduler

STEPS, PEAK, SEEDS = 210, 0.5, (0, 1, 2)
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], LRScheduler]] = {
    "restarts, 30 + 60 + 120": lambda optimizer: CosineAnnealingWarmRestarts(optimizer, T_0=30, T_mult=2),
    "one cosine, 210": lambda optimizer: CosineAnnealingLR(optimizer, T_max=STEPS),
}


def train(make: Callable[[torch.optim.Optimizer], LRScheduler], seed: int) -> tuple[list[float], list[float]]:
    """The rate of each update and the loss over all training digits before it."""
    torch.manual_seed(seed)
    data = load_digits()
    x = torch.tensor(data.data[:500], dtype=torch.get_default_dtype()) / 16  # (digits, pixels)
    y = torch.tensor(data.target[:500])
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=PEAK)
    scheduler = make(optimizer)
    rates, losses = [], []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (16,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(model(x), y).item())
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return rates, losses


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, medians = [], {}
    for (name, make), marker in zip(SCHEDULES.items(), "os", strict=True):
        runs = [train(make, seed) for seed in SEEDS]
        middle = torch.tensor([losses for _, losses in runs]).median(0).values
        medians[name] = middle.tolist()
        left.plot(runs[0][0], marker=marker, markevery=30, label=name)
        right.plot(middle, marker=marker, markevery=30, label=name)
        rows.append([name, *(f"{middle[step]:.3f}" for step in (29, 35, 89, 95, STEPS - 1))])
    left.set(xlabel="update", ylabel="learning rate")
    left.legend(fontsize="small")
    right.set(xlabel="update", ylabel="training loss", yscale="log", title="digits, median of three seeds")
    figure.tight_layout()
    plt.savefig("cosine-warm-restarts.svg")
    with Path("cosine-warm-restarts.csv").open("w", newline="") as file:
        head = ["schedule", "loss at 29", "at 35", "at 89", "at 95", "at 209"]
        csv.writer(file).writerows([head, *rows])
    Path("cosine-warm-restarts.json").write_text(json.dumps(medians))
    print("loss at the end:", ", ".join(f"{row[0]}: {float(row[-1]):.2f}" for row in rows))
