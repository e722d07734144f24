"""Does the sum of reciprocal widths predict which networks start to train? Measured on digits, ten draws each.

Source: Hanin and Rolnick, "How to Start Training: The Effect of Initialization and Architecture", 2018.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor

DRAWS, STEPS = 10, 45


def networks(depth: int, width: int) -> list[Tensor]:
    """Weights of all draws at once, each (DRAWS, fan_in, fan_out), variance 2 / fan_in (1 / fan_in for the last)."""
    widths = [64] + [width] * depth + [10]
    factors = [2.0] * depth + [1.0]
    return [
        (torch.randn(DRAWS, a, b) * (f / a) ** 0.5).requires_grad_()
        for a, b, f in zip(widths[:-1], widths[1:], factors, strict=True)
    ]


def forward(x: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Logits (draws, batch, 10) and the mean squared last hidden activation of each draw for the first sample."""
    x = x.expand(DRAWS, *x.shape)
    for w in weights[:-1]:
        x = torch.relu(x @ w)
    return x @ weights[-1], x[:, 0].square().mean(-1)


def spread(depth: int, width: int, x: Tensor, seed: int = 1) -> float:
    """E[M^2] / E[M]^2 of the last hidden layer over 400 networks, for the first sample."""
    torch.manual_seed(seed)
    with torch.no_grad():
        m = torch.cat([forward(x[:1], networks(depth, width))[1] for _ in range(40)])
    return (m.square().mean() / m.mean().square()).item()


def train(depth: int, width: int, x: Tensor, y: Tensor, lr: float = 0.02, steps: int = STEPS, seed: int = 0) -> float:
    """Share of the draws with a training accuracy above one half after ``steps`` steps."""
    torch.manual_seed(seed)
    weights = networks(depth, width)
    optimizer = torch.optim.SGD(weights, lr=lr, momentum=0.9, fused=True)
    for _ in range(steps):
        batch = torch.randint(len(x), (64,))
        logits, _ = forward(x[batch], weights)
        target = y[batch].expand(DRAWS, -1).reshape(-1)
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, 10), target) * DRAWS
        optimizer.zero_grad()
        loss.backward()
        for w in weights:  # clip each draw alone: a draw that explodes must not hide behind a NaN
            assert w.grad is not None
            w.grad.nan_to_num_(0.0, 0.0, 0.0)
            w.grad.div_(w.grad.flatten(1).norm(dim=1).clamp(min=1)[:, None, None])
        optimizer.step()
    with torch.no_grad():
        accuracy = (forward(x, weights)[0].argmax(-1) == y).to(x.dtype).mean(1)
    return (accuracy > 0.5).to(x.dtype).mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = (torch.tensor(digits.data, dtype=torch.get_default_dtype()) - 4.9) / 6.0
    y = torch.tensor(digits.target)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    rows = [
        ["depth", "width", "sum of 1 / width", "measured E[M^2]/E[M]^2", "product of 1 + 5 / width", "draws that train"]
    ]
    results = {}
    for depth, marker in ((5, "o"), (10, "s"), (20, "^")):
        sums, moments, shares = [], [], []
        for width in (12, 24, 48):
            moments.append(spread(depth, width, x))
            sums.append(depth / width)
            shares.append(train(depth, width, x, y))
            results[f"depth {depth}, width {width}"] = {"spread": moments[-1], "share": shares[-1]}
            row = [str(depth), str(width), f"{sums[-1]:.2f}", f"{moments[-1]:.1f}"]
            rows.append([*row, f"{(1 + 5 / width) ** depth:.1f}", f"{shares[-1]:.2f}"])
        axes[0].plot(sums, moments, marker, label=f"depth {depth}")
        axes[1].plot(sums, shares, marker, linestyle="-", label=f"depth {depth}")
    grid = [0.05 * 1.1**i for i in range(44)]
    axes[0].plot(grid, [math.exp(5 * s) for s in grid], ":", label="exp(5 sum)")
    axes[0].set(xlabel="sum of 1 / width", ylabel="E[M²] / E[M]²", xscale="log", yscale="log", ylim=(0.8, 1e4))
    axes[1].set(xlabel="sum of 1 / width", ylabel="share of draws that start to train", xscale="log")
    axes[0].legend()
    figure.tight_layout()
    plt.savefig("how-to-start-training.svg")
    with Path("how-to-start-training.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("how-to-start-training.json").write_text(json.dumps(results))
