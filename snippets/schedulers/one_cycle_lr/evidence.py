"""One cycle, a cosine without warm-up, and a constant rate at the same peaks: digits, 150 updates, five seeds.

Source: Smith and Topin, "Super-Convergence", 2017; digits from scikit-learn, a small MLP.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, LRScheduler, OneCycleLR

STEPS, SEEDS, PEAKS = 150, range(5), (0.03, 0.1, 0.3, 1.0)
Digits = tuple[Tensor, Tensor]
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer, float], LRScheduler]] = {
    "one cycle": lambda optimizer, peak: OneCycleLR(optimizer, peak, total_steps=STEPS),
    "cosine": lambda optimizer, peak: CosineAnnealingLR(optimizer, T_max=STEPS),
    "constant": lambda optimizer, peak: LambdaLR(optimizer, lambda step: 1.0),
}


def digits() -> Digits:
    """500 pictures (digits, pixels) and their classes."""
    data = load_digits()
    return torch.tensor(data.data[:500], dtype=torch.get_default_dtype()) / 16, torch.tensor(data.target[:500])


def train(make: Callable[[torch.optim.Optimizer, float], LRScheduler], peak: float, seed: int, data: Digits) -> float:
    """Training loss over all digits after STEPS updates; infinite where the run diverged."""
    x, y = data
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=peak, momentum=0.9)
    scheduler = make(optimizer, peak)
    for _ in range(STEPS):
        batch = torch.randint(len(x), (16,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    with torch.no_grad():
        final = nn.functional.cross_entropy(model(x), y).item()
    return final if final < 1e3 else float("inf")


def curve(peak: float = 0.1) -> tuple[list[float], list[float]]:
    """Rate and momentum of each update of one cycle."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak, momentum=0.9)
    scheduler = OneCycleLR(optimizer, peak, total_steps=STEPS)
    rates, momenta = [], []
    for _ in range(STEPS):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        momenta.append(float(optimizer.param_groups[0]["momentum"]))
        optimizer.step()
        scheduler.step()
    return rates, momenta


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rates, momenta = curve()
    left.plot(rates, label="rate")
    left.plot([momentum / 10 for momentum in momenta], label="momentum / 10")
    left.set(xlabel="update", title="one cycle, peak 0.1")
    left.legend(fontsize="small")
    data = digits()
    rows, results = [], {"rates": rates, "momenta": momenta}
    for (name, make), marker in zip(SCHEDULES.items(), "osD", strict=True):
        middle = [median(train(make, peak, seed, data) for seed in SEEDS) for peak in PEAKS]
        results[name] = middle
        right.plot(PEAKS, middle, marker=marker, label=name)
        rows.append([name, *(f"{loss:.3f}" for loss in middle)])
    right.set(xscale="log", yscale="log", xlabel="peak", ylabel=f"loss after {STEPS} updates")
    right.set_title("digits, median of five seeds")
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("one-cycle-lr.svg")
    with Path("one-cycle-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["schedule", *(f"peak {peak}" for peak in PEAKS)], *rows])
    Path("one-cycle-lr.json").write_text(json.dumps(results))
    print("loss at peak 0.3:", ", ".join(f"{row[0]} {row[3]}" for row in rows))
