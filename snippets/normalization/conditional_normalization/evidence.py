"""One network for digits in four orientations: what is trained after the upright ones, and whether it is told which.

Source: de Vries et al., "Modulating early visual processing by language", 2017.
"""

import copy
import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.conditional_normalization.use import ConditionalNorm

SEEDS, STEPS, WIDTH = 3, 80, 64
VIEWS = ["upright", "upside down", "mirrored", "transposed"]
KINDS = {"scale and shift, not told": False, "scale and shift, told": True, "all weights, not told": False}


class Network(nn.Module):
    """Two hidden layers."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.ModuleList([nn.Linear(64, WIDTH), nn.Linear(WIDTH, WIDTH)])
        norms = (nn.BatchNorm1d(WIDTH, affine=False) for _ in range(2))
        self.norms = nn.ModuleList(ConditionalNorm(norm, WIDTH, len(VIEWS)) for norm in norms)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Logits of images (batch, 64)."""
        for linear, norm in zip(self.linear, self.norms, strict=True):
            x = F.relu(norm(linear(x), condition))
        return self.head(x)


def fit(model: Network, trained: list[nn.Parameter], x: Tensor, y: Tensor, is_told: bool, train: Tensor) -> None:
    """Adam on batches of 64 from all views in ``x``, (views, images, 64)."""
    optimizer = torch.optim.Adam(trained, lr=0.01 if len(trained) <= 4 else 3e-3)
    for _ in range(STEPS):
        batch, view = train[torch.randint(len(train), (64,))], torch.randint(len(x), (64,))
        condition = F.one_hot(view if is_told else torch.zeros_like(view), len(VIEWS)).float()
        optimizer.zero_grad()
        F.cross_entropy(model(x[view, batch], condition), y[batch]).backward()
        optimizer.step()


if __name__ == "__main__":
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32) / 16  # (1797, 8, 8)
    x = torch.stack([images, images.flip(1), images.flip(2), images.transpose(1, 2)]).flatten(2)  # (4, 1797, 64)
    y = torch.tensor(digits.target)
    results: dict[str, list[list[float]]] = {kind: [] for kind in KINDS}  # (seeds, views)
    counts: dict[str, int] = {}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        order, start = torch.randperm(len(images)), Network()
        train, test = order[:800], order[1000:]
        fit(start, list(start.parameters()), x[:1], y, False, train)
        for kind, is_told in KINDS.items():
            model = copy.deepcopy(start)
            trained = list(model.parameters() if kind.startswith("all") else model.norms.parameters())
            counts[kind] = sum(p.numel() for p in trained)
            fit(model, trained, x, y, is_told, train)
            model.eval()
            conditions = torch.eye(len(VIEWS)) if is_told else torch.eye(len(VIEWS))[:1].repeat(len(VIEWS), 1)
            with torch.no_grad():
                answers = [model(x[i, test], conditions[i : i + 1].expand(len(test), -1)) for i in range(len(VIEWS))]
            results[kind].append([(each.argmax(dim=1) == y[test]).float().mean().item() for each in answers])
    means = {kind: [mean(column) for column in zip(*rows, strict=True)] for kind, rows in results.items()}
    for (kind, row), style in zip(means.items(), ("s", "o", "^"), strict=True):
        plt.plot(row, VIEWS, style, label=kind)
    plt.xlim(0, 1)
    plt.xlabel("mean test accuracy of three seeds")
    plt.legend()
    plt.savefig("conditional-normalization.svg")
    rows = [[kind, str(counts[kind]), *(f"{score:.2f}" for score in means[kind])] for kind in KINDS]
    with Path("conditional-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["trained", "numbers", *VIEWS], *rows])
    Path("conditional-normalization.json").write_text(json.dumps(results))
    print(f"mean over views: {', '.join(f'{kind} {mean(row):.2f}' for kind, row in means.items())}")
