"""AdaMax and Adam after one outlier gradient, and on digits over a grid of learning rates.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, section 7.1.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, SEEDS = 60, 3
RATES = (1e-3, 4e-3, 1.6e-2, 6.4e-2)


def step_lengths(optimizer_class: type[torch.optim.Optimizer], outlier: float, steps: int = 2000) -> list[float]:
    """Length of each step over the learning rate; every gradient is 1, only that of step 200 is ``outlier``."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = optimizer_class([p], lr=1.0)  # type: ignore[call-arg]
    lengths = []
    for step in range(1, steps + 1):
        before = p.item()
        p.grad = torch.tensor([outlier if step == 200 else 1.0])
        optimizer.step()
        lengths.append(abs(p.item() - before))
    return lengths


def final_loss(optimizer_class: type[torch.optim.Optimizer], lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss over all digits after ``STEPS`` batches of 128."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = optimizer_class(model.parameters(), lr=lr)  # type: ignore[call-arg]
    for _ in range(STEPS):
        rows = torch.randint(len(x), (128,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["optimizer", "step 1000 / lr, outlier of 100 at step 200", *(f"digits loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, kind, style in (("Adam", torch.optim.Adam, "o--"), ("AdaMax", torch.optim.Adamax, "s-")):
        lengths = step_lengths(kind, 100.0)
        left.plot(lengths, style[1:], label=name)
        losses = torch.tensor([[final_loss(kind, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES])
        right.errorbar(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), fmt=style, capsize=3, label=name)
        results[name] = {"lengths": lengths, "losses": losses.tolist()}  # losses (rates, seeds)
        table.append([name, f"{lengths[999]:.2f}", *(f"{mean:.2f}" for mean in losses.mean(1).tolist())])
    left.set(xlabel="step", ylabel="length of the step / learning rate", yscale="log")
    right.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    left.legend()
    right.legend()
    figure.tight_layout()
    plt.savefig("adamax.svg")
    with Path("adamax.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("adamax.json").write_text(json.dumps(results))
    print("runs:", 2 * SEEDS * len(RATES))
