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

STEPS, SEEDS = 30, 2
RATES = (1e-3, 4e-3, 1.6e-2, 6.4e-2, 0.256)


def train(
    trust: bool, lr: float, seed: int, x: Tensor, y: Tensor
) -> tuple[float, list[list[float]], list[list[float]]]:
    """Final loss, and at each step the trust ratio and the length of each weight matrix."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    parameters = list(model.parameters())
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
    ratios, lengths = [], []
    for t in range(1, STEPS + 1):
        loss = nn.functional.cross_entropy(model(x), y)
        gradients = torch.autograd.grad(loss, parameters)
        row = []
        lengths.append([p.norm().item() for p in parameters if p.ndim > 1])
        with torch.no_grad():
            for p, g, (m, v) in zip(parameters, gradients, moments, strict=True):
                m.lerp_(g, 0.1)
                v.lerp_(g * g, 1e-3)
                update = m / (1 - 0.9**t) / ((v / (1 - 0.999**t)).sqrt() + 1e-6) + 0.01 * p
                ratio = (p.norm() / update.norm()).item()
                p.sub_(update, alpha=lr * (ratio if trust else 1.0))  # without the ratio: AdamW
                row += [ratio] if p.ndim > 1 else []
        ratios.append(row)
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
