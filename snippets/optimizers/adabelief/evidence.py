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

STEPS, SEEDS = 100, 2
RATES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)
NOISE = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


class Moments:
    """The update of Adam (``belief=False``) or AdaBelief for a learning rate of 1."""

    def __init__(self, belief: bool, shape: tuple[int, ...]) -> None:
        self.belief, self.t = belief, 0
        self.m, self.v = torch.zeros(shape), torch.zeros(shape)

    def update(self, g: Tensor) -> Tensor:
        self.t += 1
        self.m.lerp_(g, 0.1)
        self.v.lerp_((g - self.m if self.belief else g).square(), 0.001).add_(1e-16)
        return self.m / (1 - 0.9**self.t) / ((self.v / (1 - 0.999**self.t)).sqrt() + 1e-8)


def mean_steps(belief: bool) -> list[float]:
    """For each noise the mean update / learning rate at steps 1 501 to 2 000, gradient 1 plus normal noise."""
    torch.manual_seed(0)
    noise = torch.tensor(NOISE)[:, None]  # (noise, 1)
    moments, total = Moments(belief, (len(NOISE), 100)), torch.zeros(len(NOISE))
    for step in range(2000):
        update = moments.update(1 + noise * torch.randn(len(NOISE), 100))  # (noise, coordinate)
        if step >= 1500:
            total += update.mean(1) / 500
    return total.tolist()


def train(belief: bool, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss of a linear classifier after ``STEPS`` batches of 32."""
    torch.manual_seed(seed)
    moments, w = Moments(belief, (64, 10)), torch.zeros(64, 10)
    for _ in range(STEPS):
        rows = torch.randint(len(x), (32,))
        error = (x[rows] @ w).softmax(1) - torch.nn.functional.one_hot(y[rows], 10)
        w -= lr * moments.update(x[rows].T @ error / 32)
    return torch.nn.functional.cross_entropy(x @ w, y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["optimizer", *(f"step, noise {n:g}" for n in NOISE), *(f"loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, belief, style in (("Adam", False, "o--"), ("AdaBelief", True, "s-")):
        moves = mean_steps(belief)
        left.plot(NOISE, moves, style, label=name)
        runs = [[train(belief, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
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
