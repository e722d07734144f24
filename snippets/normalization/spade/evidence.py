"""Images from maps of labels, with and without SPADE: shapes of digits, and maps that hold a single label.

Source: Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization", 2019.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.spade.use import SPADE

LABELS, SEEDS, STEPS, CHANNELS = 4, 3, 40, 8
KINDS = ["instance normalization", "SPADE"]


def layer(is_spade: bool) -> nn.Module:
    """Instance normalization; scale and shift are learned numbers, or come from the map."""
    norm = nn.InstanceNorm2d(CHANNELS, affine=not is_spade)
    return SPADE(norm, CHANNELS, LABELS, hidden=8) if is_spade else norm


class Generator(nn.Module):
    """Map in, two normalized layers, image out."""

    def __init__(self, is_spade: bool) -> None:
        super().__init__()
        widths = [LABELS, CHANNELS]
        self.convs = nn.ModuleList([nn.Conv2d(n, CHANNELS, 3, padding=1, padding_mode="replicate") for n in widths])
        self.norms = nn.ModuleList([layer(is_spade) for _ in widths])
        self.head = nn.Conv2d(CHANNELS, 1, 1)

    def forward(self, labels: Tensor) -> Tensor:
        """Image (batch, 1, height, width)."""
        x = labels
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.relu(norm(conv(x), labels) if isinstance(norm, SPADE) else norm(conv(x)))
        return self.head(x)


def batch(digits: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """One-hot maps, their images, and which maps hold one label: half of them; the others are digits in one label."""
    shapes = (digits[torch.randint(len(digits), (size,))] > 0.4).long()  # (size, 8, 8)
    alone = torch.rand(size) < 0.5
    labels = torch.where(alone.view(-1, 1, 1), torch.ones_like(shapes), shapes) * torch.randint(1, LABELS, (size, 1, 1))
    return F.one_hot(labels, LABELS).permute(0, 3, 1, 2).float(), labels.unsqueeze(1) / (LABELS - 1), alone


def errors(kind: str, seed: int, digits: Tensor) -> tuple[float, float]:
    """Mean squared error on 400 new maps: of digits, and of a single label."""
    torch.manual_seed(seed)
    model = Generator(kind == "SPADE")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(STEPS):
        labels, images, _ = batch(digits, 24)
        optimizer.zero_grad()
        F.mse_loss(model(labels), images).backward()
        optimizer.step()
    labels, images, alone = batch(digits, 400)
    with torch.no_grad():
        error = (model(labels) - images).square().mean(dim=(1, 2, 3))
    return error[~alone].mean().item(), error[alone].mean().item()


if __name__ == "__main__":
    digits = torch.tensor(load_digits().images, dtype=torch.float32) / 16  # (1797, 8, 8)
    results = {kind: [errors(kind, seed, digits) for seed in range(SEEDS)] for kind in KINDS}
    names = ["digits in one label", "a single label"]
    for kind, style in zip(KINDS, ("s", "o"), strict=True):
        plt.plot([mean(column) for column in zip(*results[kind], strict=True)], names, style, label=kind)
    plt.xscale("log")
    plt.xlabel("mean squared error")
    plt.margins(y=0.3)
    plt.legend()
    plt.savefig("spade.svg")
    rows = [
        [name, *(" / ".join(f"{run[i]:.4f}" for run in results[kind]) for kind in KINDS)]
        for i, name in enumerate(names)
    ]
    with Path("spade.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["map", *KINDS], *rows])
    Path("spade.json").write_text(json.dumps(results))
    print(f"a single label, error without SPADE: {mean(run[1] for run in results[KINDS[0]]):.2f}")
