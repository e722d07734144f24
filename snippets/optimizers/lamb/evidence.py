"""LAMB's trust ratios on digits, and its loss beside AdamW's when the whole data set is one batch.

Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", 2019.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.optimizers.lamb.use import Lamb

STEPS, SEEDS = 30, 2
RATES = (1e-3, 4e-3, 1.6e-2, 6.4e-2, 0.256)


def train(
    trust: bool, lr: float, seed: int, x: Tensor, y: Tensor
) -> tuple[float, list[list[float]], list[list[float]]]:
    """Final loss, and at each step the trust ratio and the length of each weight matrix."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    kind = Lamb if trust else torch.optim.AdamW
    optimizer = kind(model.parameters(), lr=lr, eps=1e-6, weight_decay=0.01)
    matrices = [p for p in model.parameters() if p.ndim > 1]
    twins = [torch.zeros_like(p) for p in matrices]
    adamw = torch.optim.AdamW(twins, lr=1.0, eps=1e-6, weight_decay=0.01)  # steps as LAMB would without trust ratios
    ratios, lengths = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            for p, twin in zip(matrices, twins, strict=True):
                twin.copy_(p).grad = p.grad
            adamw.step()
            lengths.append([p.norm().item() for p in matrices])
            ratios.append([(p.norm() / (p - twin).norm()).item() for p, twin in zip(matrices, twins, strict=True)])
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item(), ratios, lengths


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["optimizer", *(f"loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, trust, style in (("AdamW", False, "o--"), ("LAMB", True, "s-")):
        runs = [[train(trust, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        losses = torch.tensor([[loss for loss, _, _ in row] for row in runs])
        right.errorbar(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), fmt=style, capsize=3, label=name)
        ratios = [[ratios for _, ratios, _ in row] for row in runs]  # (rates, seeds, steps, matrices)
        lengths = [[lengths for _, _, lengths in row] for row in runs]  # the same
        results[name] = {"losses": losses.tolist(), "ratios": ratios, "lengths": lengths}
        table.append([name, *(f"{mean:.2f}" for mean in losses.mean(1).tolist())])
    for layer, style in enumerate(("-", "--", ":")):
        left.plot(range(1, STEPS + 1), [row[layer] for row in ratios[3][0]], style, label=f"matrix {layer + 1}")
    left.set(xlabel="step", ylabel="trust ratio", yscale="log")
    right.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    left.legend()
    right.legend()
    figure.tight_layout()
    plt.savefig("lamb.svg")
    with Path("lamb.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("lamb.json").write_text(json.dumps(results))
    print("batch:", len(x), " runs:", 2 * SEEDS * len(RATES))
