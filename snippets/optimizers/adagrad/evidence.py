"""Error of each feature's weight against how often the feature occurs: AdaGrad, Adam and SGD.

Source: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

FEATURES, STEPS = 300, 600
FREQUENCY = torch.logspace(0, -2.5, FEATURES)  # share of the examples that have the feature: 1 .. 0.003


def weight_errors(name: str, lr: float) -> torch.Tensor:
    """Distance of each weight from its true value after training on batches of 16 with noisy targets."""
    torch.manual_seed(0)
    truth = torch.randn(FEATURES)
    w = torch.zeros(FEATURES, requires_grad=True)
    optimizer = getattr(torch.optim, name)([w], lr=lr)
    for _ in range(STEPS):
        x = (torch.rand(16, FEATURES) < FREQUENCY).float()  # (batch, features)
        y = x @ truth + 0.1 * torch.randn(16)
        optimizer.zero_grad()
        (x @ w - y).square().mean().backward()
        optimizer.step()
    return (w.detach() - truth).abs()


if __name__ == "__main__":
    rows, results = [], {}
    for name, style in [("SGD", "s--"), ("Adam", "^-."), ("Adagrad", "o-")]:
        runs = {lr: weight_errors(name, lr) for lr in [0.003, 0.01, 0.03, 0.1, 0.3, 1.0]}
        mean_error = {lr: errors.nan_to_num(1e9).mean().item() for lr, errors in runs.items()}
        results[name] = {str(lr): errors.reshape(10, 30).mean(dim=1).tolist() for lr, errors in runs.items()}
        best = min(mean_error, key=mean_error.__getitem__)
        groups = runs[best].reshape(10, 30).mean(dim=1)  # (groups of equal frequency,)
        plt.plot(FREQUENCY.reshape(10, 30).mean(dim=1).tolist(), groups.tolist(), style, label=f"{name}, lr {best}")
        rows.append([name, best, f"{groups[0]:.3f}", f"{groups[-1]:.3f}"])
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("share of examples with the feature")
    plt.ylabel("mean error of its weight")
    plt.legend()
    plt.savefig("adagrad.svg")
    with Path("adagrad.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["optimizer", "best lr", "error, most frequent", "error, rarest"], *rows])
    Path("adagrad.json").write_text(json.dumps(results))
    print("features in the rarest group are seen in", f"{FREQUENCY[-30:].mean():.1%} of the examples")
