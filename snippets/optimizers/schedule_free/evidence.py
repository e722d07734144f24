"""Schedule-Free AdamW on digits beside AdamW at a constant rate and with a linear decay, stopped anywhere.

Source: Defazio et al., "The Road Less Scheduled", 2024.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, EVERY, SEEDS, LR, BETA1, BETA2 = 600, 30, 2, 0.1, 0.9, 0.999


def train(name: str, seed: int, x: Tensor, y: Tensor) -> list[list[float]]:
    """Loss over all digits every ``EVERY`` batches of 8, of a linear classifier; for Schedule-Free at x and at y."""
    torch.manual_seed(seed)
    point = torch.zeros(64, 10)  # y in the paper: where the gradient is taken
    fast, average, v, m = point.clone(), point.clone(), point.clone(), point.clone()
    curves = []
    for k in range(1, STEPS + 1):
        rows = torch.randint(len(x), (8,))
        g = x[rows].T @ ((x[rows] @ point).softmax(1) - nn.functional.one_hot(y[rows], 10)) / 8  # of the cross-entropy
        v.lerp_(g * g, 1 - BETA2)
        denominator = (v / (1 - BETA2**k)).sqrt() + 1e-8
        if name == "Schedule-Free":
            fast.sub_(g / denominator, alpha=LR)
            average.lerp_(fast, 1 / k)
            point = fast.lerp(average, BETA1)
        else:
            m.lerp_(g, 1 - BETA1)
            lr = LR if name == "AdamW, constant" else LR * (1 - (k - 1) / STEPS)
            point = point - lr * m / (1 - BETA1**k) / denominator
        if k % EVERY == 0:
            weights = [average, point] if name == "Schedule-Free" else [point]
            curves.append([nn.functional.cross_entropy(x @ w, y).item() for w in weights])
    return [list(curve) for curve in zip(*curves, strict=True)]


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    steps = list(range(EVERY, STEPS + 1, EVERY))
    plt.figure(figsize=(6, 3.6))
    table = [["optimizer", *(f"loss, step {step}" for step in steps[4::5])]]
    results = {}
    names = {"AdamW, constant": ("o--",), "AdamW, linear decay": ("^-.",), "Schedule-Free": ("s-", "x:")}
    for name, styles in names.items():
        runs = torch.tensor([train(name, seed, x, y) for seed in range(SEEDS)])  # (seeds, curves, points)
        results[name] = runs.tolist()
        labels = [name] if len(styles) == 1 else [f"{name}, eval(): x", f"{name}, train(): y"]
        for label, curve, style in zip(labels, runs.mean(0).tolist(), styles, strict=True):
            plt.plot(steps, curve, style, markersize=4, label=label)
            table.append([label, *(f"{value:.2f}" for value in curve[4::5])])
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("training loss")
    plt.legend()
    plt.tight_layout()
    plt.savefig("schedule-free.svg")
    with Path("schedule-free.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("schedule-free.json").write_text(json.dumps(results))
    print("runs:", len(names) * SEEDS)
