"""Length of a step against how steady the gradient is: RMSProp, centered RMSProp and Adam.

Source: Graves, "Generating Sequences With Recurrent Neural Networks", 2013.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

RATIOS = torch.logspace(-1, 2, 13)  # mean of the gradient over its standard deviation


def mean_steps(**settings: float) -> torch.Tensor:
    """Distance for each step, in learning rates, over steps 500 to 1,000; mean of 200 parameters a ratio."""
    torch.manual_seed(0)
    theta = torch.zeros(200, len(RATIOS), requires_grad=True)  # (parameters, ratios)
    name = "RMSprop" if "centered" in settings else "Adam"
    optimizer = getattr(torch.optim, name)([theta], lr=1.0, **settings)
    for step in range(1000):
        if step == 500:
            halfway = theta.detach().clone()
        theta.grad = RATIOS + torch.randn_like(theta)
        optimizer.step()
    return -(theta.detach() - halfway).mean(dim=0) / 500


if __name__ == "__main__":
    rows: list[list[str]] = [[f"{ratio:.2g}"] for ratio in RATIOS[::3]]
    results = {}
    for label, style, steps in [
        ("centered RMSProp", "o-", mean_steps(centered=True)),
        ("RMSProp", "s--", mean_steps(centered=False)),
        ("Adam", "^:", mean_steps()),
    ]:
        plt.plot(RATIOS.tolist(), steps.tolist(), style, label=label)
        results[label] = steps.tolist()
        for row, value in zip(rows, steps[::3], strict=True):
            row.append(f"{value:.2f}")
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("mean of the gradient / its standard deviation")
    plt.ylabel("distance per step / lr")
    plt.legend()
    plt.savefig("rmsprop-centered.svg")
    with Path("rmsprop-centered.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["mean / standard deviation", "centered RMSProp", "RMSProp", "Adam"], *rows])
    Path("rmsprop-centered.json").write_text(json.dumps(results))
    print("gradients with standard deviation 1 and means from 0.1 to 100")
