"""Where stochastic depth helps: test accuracy after training on 200 digits, with right and with wrong labels.

Source: Huang et al., "Deep Networks with Stochastic Depth", 2016
"""

import csv
import json
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from snippets.normalization.stochastic_depth.evidence import forward

SEEDS, IMAGES, WIDTH, DEPTH, STEPS = 12, 200, 32, 8, 250
RATES = [0.0, 0.9]
SITUATIONS = {"right labels": 0.0, "40% of the labels drawn at random": 0.4}


def train(last: float, random: float, x: Tensor, y: Tensor, seed: int = 0) -> list[float]:
    """Test accuracy on right labels with all blocks, for each seed; all seeds are trained at once."""
    torch.manual_seed(seed)
    order = torch.stack([torch.randperm(len(x)) for _ in range(SEEDS)])
    train, test = order[:, :IMAGES], order[:, IMAGES:]
    wrong = torch.rand(train.shape) < random
    labels = torch.where(wrong, torch.randint(10, train.shape), y[train])
    sizes = [(64, WIDTH), *[(WIDTH, WIDTH)] * DEPTH, (WIDTH, 10)]
    weights = [torch.randn(SEEDS, *size) * 0.7 / size[0] ** 0.5 for size in sizes]
    optimizer = torch.optim.Adam([weight.requires_grad_() for weight in weights], lr=3e-3, fused=True)
    rates = [last * i / (DEPTH - 1) for i in range(DEPTH)]
    for _ in range(STEPS):
        batch = torch.randint(IMAGES, (SEEDS, 32))
        logits = forward(weights, x[train.gather(1, batch)], rates)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.gather(1, batch).flatten())
        optimizer.zero_grad()
        (SEEDS * loss).backward()
        optimizer.step()
    with torch.no_grad():
        guesses = forward(weights, x[test], [0.0] * DEPTH).argmax(dim=-1)
    return (guesses == y[test]).float().mean(dim=1).tolist()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = {name: [train(rate, share, x, y) for rate in RATES] for name, share in SITUATIONS.items()}
    rows = []
    for name, by_rate in results.items():
        scores = torch.tensor(by_rate)  # (rate, seed)
        better = int((scores[1] > scores[0]).sum())
        rows.append([name, *(f"{row.mean():.2f} ± {row.std():.2f}" for row in scores), better])
    with Path("stochastic-depth-noise.csv").open("w", newline="") as file:
        head = ["training labels", *(f"last rate {rate:g}" for rate in RATES), "gain, of 12 seeds"]
        csv.writer(file).writerows([head, *rows])
    Path("stochastic-depth-noise.json").write_text(json.dumps(results))
    without, dropped = (sum(run) / SEEDS for run in results["40% of the labels drawn at random"])
    print(f"with random labels, the mean accuracy is higher with stochastic depth: {dropped > without}")
