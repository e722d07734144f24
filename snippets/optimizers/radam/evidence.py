"""RAdam's first steps: their length and the loss on digits, beside Adam with and without warm-up.

Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2019.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, SEEDS, LR, WARMUP = 100, 2, 0.03, 60


def train(name: str, seed: int, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    """Loss of each batch, and root mean square of each step's change over the learning rate."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    kind = torch.optim.RAdam if name == "RAdam" else torch.optim.Adam
    optimizer: torch.optim.Optimizer = kind(model.parameters(), lr=LR)
    losses, lengths = [], []
    for step in range(STEPS):
        if name == "Adam, warm-up":
            optimizer.param_groups[0]["lr"] = LR * min(1, (step + 1) / WARMUP)
        rows = torch.randint(len(x), (128,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        before = nn.utils.parameters_to_vector(model.parameters()).detach()
        optimizer.step()
        change = nn.utils.parameters_to_vector(model.parameters()).detach() - before
        losses.append(loss.item())
        lengths.append(change.square().mean().sqrt().item() / LR)
    return losses, lengths


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["optimizer", "step 1, RMS change / lr", "step 10", "step 60", "mean loss of steps 21-40"]]
    results = {}
    for name, style in (("Adam", "--"), ("Adam, warm-up", "-."), ("RAdam", "-")):
        runs = [train(name, seed, x, y) for seed in range(SEEDS)]
        results[name] = {"losses": [run[0] for run in runs], "lengths": [run[1] for run in runs]}  # (seeds, steps)
        losses = torch.tensor([run[0] for run in runs]).mean(0)
        lengths = torch.tensor([run[1] for run in runs]).mean(0)
        left.plot(range(1, STEPS + 1), lengths.tolist(), style, label=name)
        right.plot(range(1, STEPS + 1), losses.tolist(), style, label=name)
        table.append([name, *(f"{lengths[t - 1]:.3f}" for t in (1, 10, 60)), f"{losses[20:40].mean():.2f}"])
    left.set(xlabel="step", ylabel="RMS change / learning rate", yscale="log")
    right.set(xlabel="step", ylabel="loss of the batch", yscale="log")
    left.legend()
    right.legend()
    figure.tight_layout()
    plt.savefig("radam.svg")
    with Path("radam.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("radam.json").write_text(json.dumps(results))
    print("runs:", 3 * SEEDS)
