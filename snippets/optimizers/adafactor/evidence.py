"""Adafactor and AdamW: numbers of state, and training loss on digits over a grid of learning rates.

Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, SEEDS = 60, 4
RATES = (1e-3, 4e-3, 1.6e-2, 6.4e-2, 0.256, 1.024)  # above 1 the relative step is 1 / sqrt(t) for every rate


def state_numbers(optimizer: torch.optim.Optimizer) -> int:
    """How many numbers the state holds, scalars left out."""
    return sum(t.numel() for s in optimizer.state.values() for t in s.values() if t.ndim > 0)


def train(kind: type[torch.optim.Optimizer], lr: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Training loss over all digits at the end, and numbers of state for each parameter."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = kind(model.parameters(), lr=lr)  # type: ignore[call-arg]
    for _ in range(STEPS):
        rows = torch.randint(len(x), (128,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    size = sum(p.numel() for p in model.parameters())
    return nn.functional.cross_entropy(model(x), y).item(), state_numbers(optimizer) / size


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), width_ratios=(1, 2))
    table = [["optimizer", "numbers of state for each parameter", *(f"loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, kind, style in (("AdamW", torch.optim.AdamW, "o--"), ("Adafactor", torch.optim.Adafactor, "s-")):
        runs = [[train(kind, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        losses = torch.tensor([[loss for loss, _ in row] for row in runs])
        numbers = runs[0][0][1]
        bar = left.bar(name, numbers)
        left.bar_label(bar, [f"{numbers:.2f}"])
        right.errorbar(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), fmt=style, capsize=3, label=name)
        results[name] = {"numbers": numbers, "losses": losses.tolist()}  # losses (rates, seeds)
        table.append([name, f"{numbers:.2f}", *(f"{mean:.2f}" for mean in losses.mean(1).tolist())])
    left.set(ylabel="numbers of state for each parameter", ylim=(0, 2.3))
    right.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    right.legend()
    figure.tight_layout()
    plt.savefig("adafactor.svg")
    with Path("adafactor.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("adafactor.json").write_text(json.dumps(results))
    print("runs:", 2 * SEEDS * len(RATES))
