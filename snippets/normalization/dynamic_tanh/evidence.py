"""A residual network on digits with dynamic tanh at four starting values of alpha, and with LayerNorm.

Source: Zhu et al., "Transformers without Normalization", 2025, section 7
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.dynamic_tanh.use import DynamicTanh

SEEDS, STEPS, WIDTH, BLOCKS = 3, 40, 32, 4
ALPHAS = [0.02, 0.5, 2.5, 12.5]


class Residual(nn.Module):
    """Blocks of norm, linear layer, ReLU, each added to its input."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, WIDTH), nn.Linear(WIDTH, 10)
        self.blocks = nn.ModuleList(
            [nn.Sequential(norm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.ReLU()) for _ in range(BLOCKS)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 10) of inputs (batch, 64)."""
        x = self.first(x)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x)


def accuracy(norm: Callable[[int], nn.Module], seed: int, x: Tensor, y: Tensor) -> float:
    """Test accuracy after STEPS steps of Adam."""
    torch.manual_seed(seed)
    model = Residual(norm)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(1200, (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return (model(x[1200:]).argmax(dim=1) == y[1200:]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x, y = torch.tensor(digits.data, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]
    tanh = [[accuracy(partial(DynamicTanh, alpha=alpha), seed, x, y) for seed in range(SEEDS)] for alpha in ALPHAS]
    layer_norm = [accuracy(nn.LayerNorm, seed, x, y) for seed in range(SEEDS)]
    means, reference = [sum(runs) / SEEDS for runs in tanh], sum(layer_norm) / SEEDS
    plt.plot(ALPHAS, means, "o-", label="dynamic tanh")
    plt.axhline(reference, linestyle="--", color="C1", label="LayerNorm")
    plt.xscale("log")
    plt.ylim(0.7, 1)
    plt.xlabel("alpha at the start")
    plt.ylabel("test accuracy after 40 steps")
    plt.legend()
    plt.savefig("dynamic-tanh.svg")
    rows = [[f"{alpha:g}", f"{mean:.2f}"] for alpha, mean in zip(ALPHAS, means, strict=True)]
    with Path("dynamic-tanh.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["alpha at the start", "test accuracy"], *rows, ["LayerNorm", f"{reference:.2f}"]])
    Path("dynamic-tanh.json").write_text(json.dumps({"dynamic tanh": tanh, "LayerNorm": layer_norm}))
    print(f"LayerNorm: {reference:.2f}")
