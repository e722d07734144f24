"""AdaBelief and Adam: how far they step by the noise of the gradient, and digits over a grid of learning rates.

Source: Zhuang et al., "AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients", 2020.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

from snippets.optimizers.adabelief.use import AdaBelief

STEPS, SEEDS = 100, 2
RATES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
NOISE = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
KINDS: dict[str, type[torch.optim.Optimizer]] = {"Adam": torch.optim.Adam, "AdaBelief": AdaBelief}


def mean_steps(name: str) -> list[float]:
    """For each noise the mean update / learning rate at steps 1 501 to 2 000, gradient 1 plus normal noise."""
    torch.manual_seed(0)
    noise = torch.tensor(NOISE)[:, None]  # (noise, 1)
    p, total = torch.zeros(len(NOISE), 100, requires_grad=True), torch.zeros(len(NOISE))  # p: (noise, coordinate)
    optimizer = KINDS[name]([p], lr=1.0)  # type: ignore[call-arg]
    for step in range(2000):
        p.grad = 1 + noise * torch.randn(len(NOISE), 100)
        optimizer.step()
        with torch.no_grad():
            if step >= 1500:
                total -= p.mean(1) / 500
            p.zero_()  # neither optimizer looks at it
    return total.tolist()


def train(name: str, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss of a linear classifier after ``STEPS`` batches of 32."""
    torch.manual_seed(seed)
    w = torch.zeros(64, 10, requires_grad=True)
    optimizer = KINDS[name]([w], lr=lr)  # type: ignore[call-arg]
    for _ in range(STEPS):
        rows = torch.randint(len(x), (32,))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(x[rows] @ w, y[rows]).backward()
        optimizer.step()
    return torch.nn.functional.cross_entropy(x @ w, y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["optimizer", *(f"step, noise {n:g}" for n in NOISE), *(f"loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, style in zip(KINDS, ("o--", "s-"), strict=True):
        moves = mean_steps(name)
        left.plot(NOISE, moves, style, label=name)
        runs = [[train(name, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        losses = torch.tensor(runs).mean(1)
        right.plot(RATES, losses.tolist(), style, label=name)
        table.append([name, *(f"{move:.2f}" for move in moves), *(f"{loss:.2f}" for loss in losses.tolist())])
        results[name] = {"moves": moves, "losses": runs}  # losses (rates, seeds)
    left.set(xscale="log", yscale="log", xlabel="noise / mean of the gradient", ylabel="step / learning rate")
    right.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    left.legend()
    right.legend()
    figure.tight_layout()
    plt.savefig("adabelief.svg")
    with Path("adabelief.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("adabelief.json").write_text(json.dumps(results))
    print("runs:", 2 * SEEDS * len(RATES))
