"""First 150 steps on an imbalanced problem (one digit in fifty) with and without the prior in the bias.

Source: Lin et al., "Focal Loss for Dense Object Detection", 2017.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.output_bias_init.use import init_binary_bias

STEPS, SEEDS = 150, 5
STARTS = ("default", "small weights, bias 0", "small weights, prior bias")


def train(start: str, seed: int, x: Tensor, y: Tensor) -> list[float]:
    """Losses of all steps, each on the whole set."""
    torch.manual_seed(seed)
    head = nn.Linear(64, 1)
    if start != "default":
        init_binary_bias(head, prior=0.5 if start == "small weights, bias 0" else y.mean())
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), head)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(STEPS):
        loss = nn.functional.binary_cross_entropy_with_logits(model(x).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def load() -> tuple[Tensor, Tensor]:
    """Digits (n, 64) without most of the eights, and whether each is an eight: about 2 % are."""
    digits = load_digits()
    x = (torch.tensor(digits.data, dtype=torch.get_default_dtype()) - 4.9) / 6.0
    positive = torch.tensor(digits.target) == 8
    keep = torch.cat([(~positive).nonzero().squeeze(1), positive.nonzero().squeeze(1)[:33]])
    return x[keep], positive[keep].to(x.dtype)


if __name__ == "__main__":
    x, y = load()
    prior = y.mean().item()
    entropy = -(prior * math.log(prior) + (1 - prior) * math.log(1 - prior))
    rows = [["start", "first loss", "loss at step 20", "loss at step 60", f"loss at step {STEPS}"]]
    results = {}
    styles = ("s-", "^:", "o--")
    for start, style in zip(STARTS, styles, strict=True):
        runs = [train(start, seed, x, y) for seed in range(SEEDS)]
        results[start] = runs
        losses = torch.tensor(runs).mean(0).tolist()
        plt.plot(range(1, STEPS + 1), losses, style, markevery=0.1, label=start)
        rows.append([start, f"{losses[0]:.3f}", f"{losses[19]:.3f}", f"{losses[59]:.3f}", f"{losses[-1]:.3f}"])
    plt.axhline(entropy, linestyle="-.", linewidth=1, label="entropy of the prior")
    plt.xscale("log")
    plt.xlabel("step")
    plt.ylabel("loss, mean of 5 seeds")
    plt.title(f"{prior:.1%} positives")
    plt.legend()
    plt.tight_layout()
    plt.savefig("output-bias-init.svg")
    with Path("output-bias-init.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("output-bias-init.json").write_text(json.dumps(results))
