"""Momentum on an ill-conditioned quadratic, where it helps, and on digits, where a larger rate does as much.

Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

CURVATURE = torch.logspace(0, 3, 20, dtype=torch.float64)  # eigenvalues 1 .. 1000


def distances(lr: float, momentum: float, steps: int = 400) -> list[float]:
    """Distance to the minimum of a quadratic with these eigenvalues, before each step."""
    theta = torch.ones(20, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=lr, momentum=momentum)
    path = []
    for _ in range(steps):
        path.append(theta.detach().norm().item())
        optimizer.zero_grad()
        (0.5 * CURVATURE * theta.square()).sum().backward()
        optimizer.step()
    return path


def digits_loss(lr: float, momentum: float, steps: int = 250, seed: int = 0) -> list[float]:
    """Mini-batch losses of a small network, smoothed over 25 steps."""
    torch.manual_seed(seed)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)  # (images, 64), (images,)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    losses = []
    for _ in range(steps):
        batch = torch.randint(len(x), (32,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses).unfold(0, 25, 1).mean(dim=1).tolist()


if __name__ == "__main__":
    low, high = CURVATURE[0].item(), CURVATURE[-1].item()
    best_mu = ((math.sqrt(high / low) - 1) / (math.sqrt(high / low) + 1)) ** 2
    best_lr = 4 / (math.sqrt(high) + math.sqrt(low)) ** 2
    runs = [
        ("no momentum, best rate", 2 / (low + high), 0.0, "o"),
        ("momentum 0.9", best_lr, 0.9, "s"),
        (f"momentum {best_mu:.3f}, best in the long run", best_lr, best_mu, "^"),
        ("momentum 0.99", best_lr, 0.99, "v"),
    ]
    _, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    rows = []
    results: dict[str, dict[str, list[float]]] = {"distances": {}, "digits": {}}
    for label, lr, momentum, marker in runs:
        path = distances(lr, momentum)
        results["distances"][label] = path
        left.plot(path, marker=marker, markevery=50, label=label)
        rows.append([label, f"{lr:.5f}", f"{path[200] / path[0]:.0e}"])
    left.set(yscale="log", xlabel="step", ylabel="distance to the minimum", title="quadratic, condition number 1,000")
    left.legend()
    for label, lr, momentum, style in [
        ("lr 0.01, momentum 0.9", 0.01, 0.9, "-"),
        ("lr 0.1, no momentum", 0.1, 0.0, "--"),
        ("lr 0.01, no momentum", 0.01, 0.0, ":"),
    ]:
        results["digits"][label] = digits_loss(lr, momentum)
        right.plot(results["digits"][label], style, label=label)
    right.set(xlabel="step", ylabel="mini-batch loss, mean of 25", title="digits, small steps")
    right.legend()
    plt.savefig("momentum.svg")
    with Path("momentum.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["run", "lr", "distance left after 200 steps"], *rows])
    Path("momentum.json").write_text(json.dumps(results))
    print(f"best momentum for condition number 1,000: {best_mu:.3f}")
