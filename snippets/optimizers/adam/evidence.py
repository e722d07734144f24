"""Adam and SGD with momentum over a grid of learning rates: digits as they are, and with features of unequal scale.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn


def digits_loss(name: str, lr: float, unequal: bool, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss after 100 mini-batches of 64; infinite where training diverged."""
    torch.manual_seed(seed)
    if unequal:
        x = x * 10 ** torch.linspace(-2, 1, 64)[torch.randperm(64)]  # factors of 0.01 .. 10
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    if name == "Adam":
        optimizer: torch.optim.Optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(100):
        batch = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(x), y).item()
    return loss if loss < 100 else float("inf")


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    rates = [10**e for e in torch.arange(-3, 0.1, 0.5).tolist()]
    _, axes = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
    rows, results = [], {}
    for axis, unequal, title in [
        (axes[0], False, "pixels as they are"),
        (axes[1], True, "pixels scaled by 0.01 to 10"),
    ]:
        for name, style in [("SGD, momentum 0.9", "s--"), ("Adam", "o-")]:
            runs = [[digits_loss(name, lr, unequal, seed, x, y) for lr in rates] for seed in range(2)]
            results[f"{name}, {title}"] = runs  # (seeds, rates)
            mean = torch.tensor(runs).mean(dim=0)  # (rates,)
            axis.plot(rates, mean.tolist(), style, label=name)
            best = int(mean.argmin())
            rows.append([title, name, f"{rates[best]:.0e}", f"{mean[best]:.2f}"])
        axis.set(xscale="log", yscale="log", xlabel="learning rate", title=title)
    axes[0].set_ylabel("training loss after 100 steps")
    axes[0].legend()
    plt.savefig("adam.svg")
    with Path("adam.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["data", "optimizer", "best lr", "training loss"], *rows])
    Path("adam.json").write_text(json.dumps(results))
    for row in rows:
        print(f"{row[0]:27} {row[1]:17} best lr {row[2]}")
