"""Three kinds of triangles, and where a run on digits stands at the top and at the bottom of each.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015; digits from scikit-learn, a small MLP.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, LRScheduler

STEPS, HALF, LOW, HIGH, SEEDS = 240, 40, 0.01, 0.8, range(9)


def cyclic(mode: str, gamma: float = 1.0) -> Callable[[torch.optim.Optimizer], LRScheduler]:
    """Triangles of the given mode."""
    return lambda o: CyclicLR(o, LOW, HIGH, HALF, mode=mode, gamma=gamma, cycle_momentum=False)  # type: ignore[arg-type]


SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], LRScheduler]] = {
    "triangular": cyclic("triangular"),
    "triangular2": cyclic("triangular2"),
    "exp_range 0.99": cyclic("exp_range", 0.99),
    "cosine": lambda o: CosineAnnealingLR(o, T_max=STEPS),
}


def train(make: Callable[[torch.optim.Optimizer], LRScheduler], seed: int) -> tuple[list[float], list[float]]:
    """The rate of each update, and the loss over all digits after it."""
    torch.manual_seed(seed)
    data = load_digits()
    x = torch.tensor(data.data[:500], dtype=torch.get_default_dtype()) / 16  # (digits, pixels)
    y = torch.tensor(data.target[:500])
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=HIGH)
    scheduler = make(optimizer)
    rates, losses = [], []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (16,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(model(x), y).item())
    return rates, losses


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    rows, medians = [], {}
    for (name, make), marker in zip(SCHEDULES.items(), "osD^", strict=True):
        runs = [train(make, seed) for seed in SEEDS]
        middle = torch.tensor([losses for _, losses in runs]).median(0).values
        medians[name] = middle.tolist()
        left.plot(runs[0][0], marker=marker, markevery=40, label=name)
        right.plot(middle, marker=marker, markevery=40, label=name)
        rows.append([name, *(f"{middle[step - 1]:.3f}" for step in (80, 120, 160, 200, 240))])
    left.set(xlabel="update", ylabel="learning rate")
    right.set(xlabel="update", ylabel="training loss", yscale="log", title="digits, median of nine seeds")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    plt.savefig("cyclic-lr.svg")
    with Path("cyclic-lr.csv").open("w", newline="") as file:
        head = ["schedule", "loss after 80 (bottom)", "120 (top)", "160 (bottom)", "200 (top)", "240 (bottom)"]
        csv.writer(file).writerows([head, *rows])
    Path("cyclic-lr.json").write_text(json.dumps(medians))
    print("loss after 240 updates:", ", ".join(f"{row[0]} {row[5]}" for row in rows))
