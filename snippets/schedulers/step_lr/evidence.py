"""The noise floor of SGD on a quadratic falls with each stair: simulation beside the formula.

Source: torch.optim.lr_scheduler.StepLR, PyTorch 2.x
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR

from snippets.schedulers.step_lr.from_scratch import learning_rate

STEPS, STAIR, BASE = 300, 100, 0.5


def floor(lr: float) -> float:
    """Stationary mean of x**2 / 2 under x <- x - lr * (x + noise), noise of variance 1."""
    return 0.5 * lr / (2 - lr)


def simulate(gamma: float, base: float = BASE, runs: int = 4000) -> tuple[list[float], Tensor]:
    """Rates and mean loss before each update of ``runs`` independent walks on x**2 / 2 with noisy gradients."""
    torch.manual_seed(0)
    x = nn.Parameter(torch.full((runs,), 3.0))
    optimizer = torch.optim.SGD([x], lr=base)
    scheduler = StepLR(optimizer, step_size=STAIR, gamma=gamma)
    rates, losses = [], []
    for _ in range(STEPS):
        rates.append(float(scheduler.get_last_lr()[0]))
        losses.append(0.5 * x.detach().square().mean())
        x.grad = x.detach() + torch.randn(runs)
        optimizer.step()
        scheduler.step()
    return rates, torch.stack(losses)


if __name__ == "__main__":
    rates, losses = simulate(gamma=0.1)
    constant = simulate(gamma=1.0)[1]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    left.step(range(STEPS), rates, where="post", linewidth=2, label="torch")
    closed = [learning_rate(t, BASE, STAIR, gamma=0.1) for t in range(0, STEPS, 10)]
    left.plot(range(0, STEPS, 10), closed, "o", markersize=4, label="closed form")
    left.set(yscale="log", xlabel="step", ylabel="learning rate", title="StepLR(step_size=100, gamma=0.1)")
    left.legend(fontsize="small")
    right.plot(constant, linestyle="--", label="constant 0.5")
    right.plot(losses, linewidth=2, label="StepLR")
    right.plot([floor(rate) for rate in rates], linestyle=":", label="floor of the current rate")
    right.set(yscale="log", xlabel="step", ylabel="mean loss", title="noisy quadratic, 4000 walks")
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("step-lr.svg")
    rows = [
        [f"{rates[t]:.3f}", f"{losses[t - 9 : t + 1].mean():.4f}", f"{floor(rates[t]):.4f}"] for t in (99, 199, 299)
    ]
    with Path("step-lr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["rate of the stair", "mean loss at its end", "floor"], *rows])
    Path("step-lr.json").write_text(json.dumps({"StepLR": losses.tolist(), "constant": constant.tolist()}))
    print("mean loss at the end of the stairs:", " ".join(f"{losses[t]:.2f}" for t in (99, 199, 299)))
