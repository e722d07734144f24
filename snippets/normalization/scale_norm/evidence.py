"""A residual network of four blocks on digits with ScaleNorm, LayerNorm or nothing before each block.

Source: Nguyen and Salazar, "Transformers without Tears: Improving the Normalization of Self-Attention", 2019, section 3
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.scale_norm.use import ScaleNorm

SEEDS, STEPS, WIDTH, BLOCKS = 3, 40, 32, 4
RATES = [0.003, 0.03]


LAYERS: dict[str, tuple[Callable[[int], nn.Module], str]] = {
    "no normalization": (lambda width: nn.Identity(), "x-."),
    "LayerNorm": (nn.LayerNorm, "s--"),
    "ScaleNorm": (ScaleNorm, "o-"),
}


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


def accuracy(norm: Callable[[int], nn.Module], lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Test accuracy after STEPS steps of Adam."""
    torch.manual_seed(seed)
    model = Residual(norm)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
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
    results = {
        name: [[accuracy(norm, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        for name, (norm, _) in LAYERS.items()
    }
    rows = [[f"{lr:g}"] for lr in RATES]
    for name, (_, style) in LAYERS.items():
        means = [sum(runs) / SEEDS for runs in results[name]]
        plt.plot(RATES, means, style, label=name)
        for row, mean in zip(rows, means, strict=True):
            row.append(f"{mean:.2f}")
    plt.axhline(0.1, linestyle=":", color="gray")
    plt.xscale("log")
    plt.xlabel("learning rate")
    plt.ylabel("test accuracy after 40 steps")
    plt.legend()
    plt.savefig("scale-norm.svg")
    with Path("scale-norm.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["learning rate", *LAYERS], *rows])
    Path("scale-norm.json").write_text(json.dumps(results))
    counts = {name: sum(p.numel() for p in norm(WIDTH).parameters()) for name, (norm, _) in LAYERS.items()}
    print(f"parameters of one layer: {counts}")
