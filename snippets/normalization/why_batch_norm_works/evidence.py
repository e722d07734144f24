"""Training loss on digits without batch normalization, with it, and with noise that shifts what it has normalized.

Source: Santurkar et al., "How Does Batch Normalization Help Optimization?", 2018, section 2
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, RATES, DEPTH = 2, 60, [0.01, 0.1, 1.0], 5
KINDS = {"torch's default": "s--", "Kaiming": "v:", "batch norm": "o-", "batch norm, then noise": "^-."}


class Noise(nn.Module):
    """Shifts and stretches each unit by new random numbers in each call."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, unit) in and out."""
        return x * (1 + torch.rand(x.shape[1])) + torch.randn(x.shape[1])


def network(kind: str) -> nn.Sequential:
    """Five hidden layers of 48 ReLU units."""
    layers: list[nn.Module] = []
    for i in range(DEPTH):
        linear = nn.Linear(48 if i else 64, 48)
        if kind == "Kaiming":
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
        layers.append(linear)
        if kind.startswith("batch norm"):
            layers.append(nn.BatchNorm1d(48))
        if kind.endswith("noise"):
            layers.append(Noise())
        layers.append(nn.ReLU())
    return nn.Sequential(*layers, nn.Linear(48, 10))


def train(kind: str, lr: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Training loss at the end, and by how many of its deviations the mean input of the last layer moves in a step."""
    torch.manual_seed(seed)
    model = network(kind)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, fused=True)
    means, deviation = [], 1.0
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        hidden = model[:-1](x[batch])
        means.append(hidden.detach().mean(dim=0))
        deviation = hidden.detach().std(dim=0).mean().item()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model[-1](hidden), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        loss = nn.functional.cross_entropy(model(x), y).item()
    moved = torch.stack(means).diff(dim=0).abs().mean().item() / max(deviation, 1e-6)
    return (loss if math.isfinite(loss) else 99.0), moved


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, list] = {}
    rows = []
    for kind, style in KINDS.items():
        results[kind] = [[train(kind, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]  # (rates, seeds, 2)
        losses, moved = torch.tensor(results[kind]).mean(dim=1).unbind(dim=1)  # (rates,)
        plt.plot(RATES, losses.clamp(max=3).tolist(), style, label=kind)
        rows.append([kind, *(f"{loss:.2f}" for loss in losses.tolist()), f"{moved[1]:.2f}"])
    plt.axhline(math.log(10), linestyle=":", color="gray", label="random guessing")
    plt.xscale("log")
    plt.xlabel("learning rate")
    plt.ylabel("training loss after 60 steps")
    plt.ylim(0, 3.7)
    plt.legend(loc="upper center", ncols=2)
    plt.savefig("why-batch-norm-works.svg")
    with Path("why-batch-norm-works.csv").open("w", newline="") as file:
        head = ["network", *(f"loss, lr {lr:g}" for lr in RATES), "moved in a step, lr 0.1"]
        csv.writer(file).writerows([head, *rows])
    Path("why-batch-norm-works.json").write_text(json.dumps(results))
    best = torch.tensor(list(results.values()))[..., 0].mean(dim=2).amin(dim=1)  # (kinds,)
    print(f"lowest losses: {[round(loss, 1) for loss in best.tolist()]}")
