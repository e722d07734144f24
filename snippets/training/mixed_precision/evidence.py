"""Digits in float32, in 16 bits with and without a gradient scaler, for a loss whose gradient gets smaller and smaller.

Source: Micikevicius et al., "Mixed Precision Training", 2017, section 3.2.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

WEIGHTS, SEEDS, STEPS = [1.0, 1e-2, 1e-4, 1e-6], 2, 80
WAYS = {  # dtype of autocast, or none; with a scaler or not; line style
    "float32": (None, False, "o-"),
    "bfloat16, autocast": (torch.bfloat16, False, "s--"),
    "float16, autocast, no scaler": (torch.float16, False, "x:"),
    "float16, autocast, scaler": (torch.float16, True, "^-."),
}


def train(
    dtype: torch.dtype | None, scaled: bool, weight: float, seed: int, x: torch.Tensor, y: torch.Tensor
) -> tuple[float, float]:
    """Training accuracy, and the share of the first layer's gradient that is 0, of pixels that are not."""
    torch.manual_seed(seed)
    first = nn.Linear(64, 64)
    model = nn.Sequential(first, nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5 / weight)  # makes up for the weight of the loss
    scaler = torch.amp.GradScaler(x.device.type, enabled=scaled)
    lost = 0.0
    for step in range(STEPS):
        batch = torch.randint(len(x), (128,))
        with torch.autocast(x.device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None):
            loss = weight * nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        if step == 0 and first.weight.grad is not None:
            lost = (first.weight.grad[:, x[batch].sum(0) > 0] == 0).float().mean().item()
        scaler.step(optimizer)
        scaler.update()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == y).float().mean().item(), lost


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, dict[str, list]] = {}
    for name, (dtype, scaled, style) in WAYS.items():
        runs = [[train(dtype, scaled, weight, seed, x, y) for seed in range(SEEDS)] for weight in WEIGHTS]
        accuracy = [[value for value, _ in row] for row in runs]  # (weights, seeds)
        lost = [sum(value for _, value in row) / SEEDS for row in runs]  # (weights,)
        results[name] = {"accuracy": accuracy, "lost": lost}
        plt.plot(WEIGHTS, [sum(row) / SEEDS for row in accuracy], style, label=name)
    plt.axhline(0.1, linestyle=":", color="gray", label="random guessing")
    plt.xscale("log")
    plt.gca().invert_xaxis()
    plt.xlabel("factor of the loss, made up for by the learning rate")
    plt.ylabel("training accuracy, mean of two seeds")
    plt.legend()
    plt.savefig("mixed-precision.svg")
    rows = [[f"{weight:g}"] for weight in WEIGHTS]
    for of_way in results.values():
        for row, accuracy, lost in zip(rows, of_way["accuracy"], of_way["lost"], strict=True):
            row.append(f"{sum(accuracy) / SEEDS:.3f} ({lost:.0%})")
    with Path("mixed-precision.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["factor of the loss", *WAYS], *rows])
    Path("mixed-precision.json").write_text(json.dumps(results))
    print(f"smallest float16 above 0: {torch.finfo(torch.float16).smallest_normal * 2.0**-10:.0e}")
