"""Which zeros hurt: a network of two hidden layers on digits, started from zeros, constants, and zeros in one place.

Source: experiment of this guide on scikit-learn's digits.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, EVERY, SEEDS = 120, 10, range(2)


def make_model(start: str) -> nn.Sequential:
    """(batch, 64) -> (batch, 10), Kaiming weights of gain 1 and zero biases, then what ``start`` says."""
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 10))
    for index, layer in enumerate((model[0], model[2], model[4])):
        assert isinstance(layer, nn.Linear)
        nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        nn.init.zeros_(layer.bias)
        if start == "all weights 0" or (start == "last layer 0" and index == 2):
            nn.init.zeros_(layer.weight)
        elif start == "all weights 0.1":
            nn.init.constant_(layer.weight, 0.1)
        elif start == "all weights normal, std 0.001":
            nn.init.normal_(layer.weight, std=0.001)
    return model


def learning_curve(model: nn.Sequential, x: Tensor, y: Tensor) -> list[float]:
    """Test accuracy every EVERY steps of Adam on batches of 128."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    curve = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                curve.append((model(x[1280:]).argmax(1) == y[1280:]).float().mean().item())
        at = slice(step % 10 * 128, step % 10 * 128 + 128)
        loss = nn.functional.cross_entropy(model(x[at]), y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return curve


def rank(model: nn.Sequential, x: Tensor) -> int:
    """Independent directions in the second hidden layer: centred singular values above 1% of the largest."""
    with torch.no_grad():
        hidden = model[:4](x)
    values = torch.linalg.svdvals(hidden - hidden.mean(0))
    return int((values > 0.01 * values[0]).sum()) if values[0] > 1e-6 else 0


if __name__ == "__main__":
    digits = load_digits()
    torch.manual_seed(0)
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data, dtype=torch.get_default_dtype())[order] / 8 - 1  # (n, 64)
    y = torch.tensor(digits.target)[order]
    starts = {
        "Kaiming": "o-",
        "last layer 0": "v--",
        "all weights normal, std 0.001": "^-.",
        "all weights 0.1": "s:",
        "all weights 0": "D-",
    }
    steps = list(range(0, STEPS + 1, EVERY))
    rows = [["start", "accuracy, mean of 2 seeds", "independent directions in the second hidden layer"]]
    results = {}
    plt.figure(layout="constrained")
    for start, style in starts.items():
        curves, ranks = [], []
        for seed in SEEDS:
            torch.manual_seed(seed)
            model = make_model(start)
            curves.append(learning_curve(model, x, y))
            ranks.append(rank(model, x))
        results[start] = {"curves": curves, "ranks": ranks}
        mean = torch.tensor(curves).mean(0).tolist()
        plt.plot(steps, mean, style, markevery=2, label=start)
        rows.append([start, f"{mean[-1]:.2f}", " ".join(str(r) for r in sorted(set(ranks)))])
    plt.xlabel("step")
    plt.ylabel("accuracy on unseen digits")
    plt.figlegend(loc="outside lower center", ncols=3)
    plt.savefig("zero-init-symmetry.svg")
    with Path("zero-init-symmetry.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("zero-init-symmetry.json").write_text(json.dumps(results))
    for row in (rows[1], rows[2], rows[4], rows[5]):
        print(f"{row[0]}: accuracy {row[1]}, directions {row[2]}")
