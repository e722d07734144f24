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

from snippets.optimizers.schedule_free.use import ScheduleFreeAdamW

STEPS, EVERY, SEEDS, LR = 600, 30, 2, 0.1


def train(name: str, seed: int, x: Tensor, y: Tensor) -> list[list[float]]:
    """Loss over all digits every ``EVERY`` batches of 8, of a linear classifier; for Schedule-Free at x and at y."""
    torch.manual_seed(seed)
    w = torch.zeros(64, 10, requires_grad=True)
    kind = ScheduleFreeAdamW if name == "Schedule-Free" else torch.optim.AdamW
    optimizer = kind([w], lr=LR, weight_decay=0.0)
    end = 0.0 if name == "AdamW, linear decay" else 1.0
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1.0, end_factor=end, total_iters=STEPS)
    curves = []
    for k in range(1, STEPS + 1):
        rows = torch.randint(len(x), (8,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(x[rows] @ w, y[rows]).backward()
        optimizer.step()
        scheduler.step()
        if k % EVERY == 0:
            at_y = nn.functional.cross_entropy(x @ w, y).item()  # where the gradient is taken
            if isinstance(optimizer, ScheduleFreeAdamW):
                optimizer.eval()
                curves.append([nn.functional.cross_entropy(x @ w, y).item(), at_y])
                optimizer.train()
            else:
                curves.append([at_y])
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
