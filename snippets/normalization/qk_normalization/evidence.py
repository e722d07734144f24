"""A small transformer on digits at growing learning rates, with and without normalized queries and keys.

Source: Wortsman et al., "Small-scale proxies for large-scale Transformer training instabilities", 2023, section 3.1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS = 6, 35
RATES = [0.003, 0.03, 0.3]
LAYERS = {"without": "s--", "with QK norm": "o-"}


class Model(nn.Module):
    """One transformer block on the eight rows of an image, which are its tokens."""

    def __init__(self, normalized: bool) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 32)
        self.position = nn.Parameter(0.02 * torch.randn(8, 32))
        self.norms = nn.ModuleList([nn.LayerNorm(32) for _ in range(2)])
        self.qkv = nn.Linear(32, 96)
        self.qk = nn.ModuleList([nn.RMSNorm(8) if normalized else nn.Identity() for _ in range(2)])
        self.mlp = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))
        self.head = nn.Linear(32, 10)
        self.largest = 0.0  # largest attention logit of the last call

    def forward(self, x: Tensor) -> Tensor:
        """Class logits (batch, 10) of images (batch, 8, 8)."""
        x = self.embed(x) + self.position
        q, k, v = self.qkv(self.norms[0](x)).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
        logits = self.qk[0](q) @ self.qk[1](k).transpose(-2, -1) / 8**0.5  # (batch, heads, 8, 8)
        self.largest = logits.abs().max().item()
        x = x + (logits.softmax(dim=-1) @ v).transpose(1, 2).flatten(-2)
        x = x + self.mlp(self.norms[1](x))
        return self.head(x.mean(dim=1))


def train(normalized: bool, lr: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Test accuracy and largest attention logit on test data."""
    torch.manual_seed(seed)
    model = Model(normalized)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(1200, (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model(x[1200:]).argmax(dim=1) == y[1200:]).float().mean().item(), model.largest


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x, y = torch.tensor(digits.images, dtype=torch.float32)[order] / 16, torch.tensor(digits.target)[order]
    results = {
        name: [[train(name == "with QK norm", lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        for name in LAYERS
    }  # (accuracy, largest logit) by layer, learning rate and seed
    rows = [[f"{lr:g}"] for lr in RATES]
    for name, style in LAYERS.items():
        largest = [max(logit for _, logit in runs) for runs in results[name]]
        plt.plot(RATES, largest, style, label=name)
        for row, runs, logit in zip(rows, results[name], largest, strict=True):
            row += [f"{sum(accuracy for accuracy, _ in runs) / SEEDS:.2f}", f"{logit:.0f}"]
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("learning rate")
    plt.ylabel("largest attention logit after 35 steps")
    plt.legend()
    plt.savefig("qk-normalization.svg")
    head = ["learning rate", "accuracy without", "largest logit without", "accuracy with", "largest logit with"]
    with Path("qk-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    Path("qk-normalization.json").write_text(json.dumps(results))
    smallest = {name: max(logit for _, logit in runs[0]) for name, runs in results.items()}
    print(
        f"largest logit at {RATES[0]}: {smallest['without']:.0f} without, {smallest['with QK norm']:.0f} with QK norm"
    )
