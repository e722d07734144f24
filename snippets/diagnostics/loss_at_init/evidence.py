"""First losses of five programs on digits, and how their losses go on from there.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "verify loss @ init".
The digits are scikit-learn's.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

SEEDS, STEPS = 5, 60
PROGRAMS = [
    "no fault",
    "pixels of 0 to 255",
    "last weights 30 times larger",
    "softmax before the loss",
    "labels of other images",
]


def train(program: str, seed: int) -> list[float]:
    """Loss of the first steps on batches of 64 digits; the first is that before any update."""
    torch.manual_seed(seed)
    data = load_digits()
    scale = 255 if program == "pixels of 0 to 255" else 1
    x = torch.tensor(data.data / 16 * scale, dtype=torch.float32)
    y = torch.tensor(data.target)
    y = y[torch.randperm(len(y))] if program == "labels of other images" else y
    end = [nn.Softmax(1)] if program == "softmax before the loss" else []
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10), *end)
    if program == "last weights 30 times larger":
        model[2].get_parameter("weight").data.mul_(30)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(y), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return losses


if __name__ == "__main__":
    numbers = {}
    rows = [["program", "first loss", "loss at step 60"]]
    for program, marker in zip(PROGRAMS, "os^vD", strict=True):
        curves = torch.tensor([train(program, seed) for seed in range(SEEDS)])  # (seeds, steps)
        plt.plot(range(STEPS), curves.median(0).values.tolist(), marker=marker, markevery=10, label=program)
        first, last = curves[:, 0], curves[:, -1]
        rows.append([program, *(f"{losses.min():.2f}–{losses.max():.2f}" for losses in (first, last))])
        numbers[program] = {"first": first.tolist(), "last": last.tolist()}
    plt.axhline(math.log(10), linestyle=":", color="gray", label="log 10")
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("training loss")
    plt.legend(fontsize="small")
    plt.savefig("loss-at-init.svg")
    with Path("loss-at-init.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("loss-at-init.json").write_text(json.dumps(numbers))
    print(f"log 10 is {math.log(10):.2f}")
