"""Lookahead on a noisy quadratic: the noise that is left at the end, measured and in closed form.

Source: Zhang et al., "Lookahead Optimizer: k steps forward, 1 step back", 2019, section 3.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.optimizers.lookahead.use import Lookahead

CHAINS, STEPS, K = 4000, 1000, 5
RATES = (0.05, 0.1, 0.2, 0.4, 0.8)


def closed_form(lr: float, alpha: float) -> float:
    """Variance of the slow weights for f(x) = x^2 / 2 with gradient noise of variance 1; SGD's for alpha = 1."""
    shrink, sgd = 1 - lr, lr**2 / (1 - (1 - lr) ** 2)
    forward = alpha**2 * (1 - shrink ** (2 * K))
    return sgd * forward / (forward + 2 * alpha * (1 - alpha) * (1 - shrink**K))


def measured(lr: float, alpha: float) -> tuple[float, float]:
    """Variance over chains at the end, and the mean's share of the start that is left after 20 steps."""
    torch.manual_seed(0)
    p = torch.full((CHAINS,), 10.0, requires_grad=True)
    optimizer = Lookahead([p], torch.optim.SGD, lr=lr, k=K, alpha=alpha)
    left = 0.0
    for step in range(1, STEPS + 1):
        p.grad = p.detach() + torch.randn(CHAINS)
        optimizer.step()
        if step == 20:  # a multiple of K, as STEPS is: after it p holds the slow weights
            left = p.mean().item() / 10
    return p.var().item(), left


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["alpha", "learning rate", "variance, measured", "closed form", "share of the start left after 20 steps"]]
    results = {}
    for alpha, name, style in ((1.0, "SGD", "o--"), (0.5, "Lookahead, alpha = 0.5", "s-"), (0.2, "alpha = 0.2", "^:")):
        rows = [(lr, *measured(lr, alpha)) for lr in RATES]
        results[str(alpha)] = {"variance": [row[1] for row in rows], "left": [row[2] for row in rows]}
        (line,) = left.plot(RATES, [row[1] for row in rows], style[0], label=name)
        grid = torch.linspace(0.05, 0.8, 100).tolist()
        left.plot(grid, [closed_form(lr, alpha) for lr in grid], style[1:], color=line.get_color())
        right.plot([abs(row[2]) + 1e-4 for row in rows], [row[1] for row in rows], style, label=name)
        table += [
            [f"{alpha:g}", f"{lr:g}", f"{var:.3f}", f"{closed_form(lr, alpha):.3f}", f"{rest:.3f}"]
            for lr, var, rest in rows
        ]
    left.set(xlabel="learning rate", ylabel="variance at the end", xscale="log", yscale="log")
    right.set(xlabel="share of the start left after 20 steps", ylabel="variance at the end", xscale="log", yscale="log")
    left.set_xticks(RATES, [f"{lr:g}" for lr in RATES])
    left.minorticks_off()
    left.legend()
    figure.tight_layout()
    plt.savefig("lookahead.svg")
    with Path("lookahead.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("lookahead.json").write_text(json.dumps(results))
    print("chains:", CHAINS, " steps:", STEPS)
