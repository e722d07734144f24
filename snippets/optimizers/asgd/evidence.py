"""Linear regression from one example at a time: the last iterate of SGD against the average of the iterates.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

STEPS, RUNS, SIZE = 3000, 1000, 5


def errors(lr: float, t0: float) -> tuple[list[float], list[float]]:
    """Squared distance to the true weights every 100 steps, of the iterate and of its average; mean of RUNS runs."""
    torch.manual_seed(0)
    truth = torch.randn(RUNS, SIZE)
    w = torch.zeros(RUNS, SIZE, requires_grad=True)  # a thousand regressions side by side
    optimizer = torch.optim.ASGD([w], lr=lr, t0=t0, lambd=0.0)
    last, average = [], []
    for step in range(1, STEPS + 1):
        x = torch.randn(RUNS, SIZE)
        noise = torch.randn(RUNS)
        residual = (x * (w.detach() - truth)).sum(dim=1) - noise
        w.grad = residual.unsqueeze(1) * x  # of half the squared residual
        optimizer.step()
        if step % 100 == 0:
            last.append((w.detach() - truth).square().sum(dim=1).mean().item())
            average.append((optimizer.state[w]["ax"] - truth).square().sum(dim=1).mean().item())
    return last, average


if __name__ == "__main__":
    steps = range(100, STEPS + 1, 100)
    rows, results = [], {}
    for lr, marker in [(0.02, "o"), (0.1, "s")]:
        last, average = errors(lr, t0=98)  # the average begins with step t0 + 2
        plt.plot(steps, last, f"{marker}:", markevery=4, label=f"last iterate, lr {lr}")
        plt.plot(steps, average, f"{marker}-", markevery=4, label=f"average from step 100, lr {lr}")
        results[str(lr)] = {"last": last, "average": average}
        rows.append([lr, f"{last[2]:.3f}", f"{average[2]:.3f}", f"{last[-1]:.3f}", f"{average[-1]:.4f}"])
    plt.plot(steps, [SIZE / step for step in steps], "--", color="gray", label="best possible, 5 / steps")
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("squared error of the weights")
    plt.legend(fontsize=8)
    plt.savefig("asgd.svg")
    header = ["lr", "last, 300 steps", "average, 300 steps", "last, 3,000 steps", "average, 3,000 steps"]
    with Path("asgd.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    Path("asgd.json").write_text(json.dumps(results))
    print("mean of", RUNS, "regressions with", SIZE, "weights each")
