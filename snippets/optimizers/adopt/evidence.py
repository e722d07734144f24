"""ADOPT and Adam on the counter-example of the AMSGrad paper, over the decay rate of the second moment.

Source: Taniguchi et al., "ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal Rate", 2024.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.optimizers.adopt.use import ADOPT

STEPS, LR = 1500, 0.02
BETAS = (0.1, 0.3, 0.5, 0.7, 0.9, 0.99)


def final_position(adopt: bool, beta2: float) -> float:
    """Mean position over the last 300 steps; slopes 3, -1, -1 on [-1, 1], so the best point is -1."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = (ADOPT if adopt else torch.optim.Adam)([p], lr=LR, betas=(0.0, beta2))
    path = []
    if adopt:  # its first gradient only starts the second moment
        p.grad = torch.tensor([3.0])
        optimizer.step()
    for step in range(1, STEPS + 1):
        p.grad = torch.tensor([3.0 if step % 3 == 1 else -1.0])
        optimizer.step()
        with torch.no_grad():
            p.clamp_(-1, 1)
        path.append(p.item())
    return sum(path[-300:]) / 300


if __name__ == "__main__":
    table = [["beta2", "Adam", "ADOPT"]]
    results = [(final_position(False, beta2), final_position(True, beta2)) for beta2 in BETAS]
    table += [[f"{b:g}", f"{adam:.2f}", f"{adopt:.2f}"] for b, (adam, adopt) in zip(BETAS, results, strict=True)]
    plt.figure(figsize=(6, 3.2))
    plt.plot(BETAS, [adam for adam, _ in results], "o--", label="Adam")
    plt.plot(BETAS, [adopt for _, adopt in results], "s-", label="ADOPT")
    plt.xlabel("beta2")
    plt.ylabel("position at the end (best: -1)")
    plt.ylim(-1.1, 1.1)
    plt.legend()
    plt.tight_layout()
    plt.savefig("adopt.svg")
    with Path("adopt.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("adopt.json").write_text(json.dumps({"Adam": [r[0] for r in results], "ADOPT": [r[1] for r in results]}))
    print("steps:", STEPS)
