"""Residual networks of many layers on digits: Post-LN, DeepNorm and Pre-LN; and how far the first step moves them.

Source: Wang et al., "DeepNet: Scaling Transformers to 1,000 Layers", 2022.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

DEPTHS, TRAINED, SEEDS, STEPS, WIDTH = [2, 4, 8, 16, 32], [4, 20], 3, 20, 32
STYLES = {"Post-LN": "s--", "DeepNorm": "o-", "Pre-LN": "^:"}


class Network(nn.Module):
    """``depth`` branches of two linear layers, each with a skip connection and a layer normalization."""

    def __init__(self, kind: str, depth: int) -> None:
        super().__init__()
        self.is_pre, layers = kind == "Pre-LN", depth / 2  # a transformer's layer has two branches
        self.alpha = (2 * layers) ** 0.25 if kind == "DeepNorm" else 1.0
        beta = (8 * layers) ** -0.25 if kind == "DeepNorm" else 1.0
        self.first, self.head = nn.Linear(64, WIDTH), nn.Linear(WIDTH, 10)
        self.ups, self.downs = (nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(depth)]) for _ in "ud")
        self.norms = nn.ModuleList([nn.LayerNorm(WIDTH) for _ in range(depth + 1)])
        for linear in (*self.ups, *self.downs):
            nn.init.xavier_normal_(linear.weight, gain=beta)
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of images (batch, 64)."""
        x = self.first(x)
        x = x if self.is_pre else self.norms[-1](x)
        for up, down, norm in zip(self.ups, self.downs, self.norms, strict=False):
            if self.is_pre:
                x = x + down(F.relu(up(norm(x))))
            else:
                x = norm(self.alpha * x + down(F.relu(up(x))))
        return self.head(self.norms[-1](x) if self.is_pre else x)


def steps(model: Network, x: Tensor, y: Tensor, batches: Tensor, lr: float) -> None:
    """One step of Adam for each row of indices."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)
    for batch in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()


def moved(kind: str, depth: int, x: Tensor, y: Tensor) -> float:
    """How far one step at a learning rate of 0.001 moves the logits of a batch, root mean square."""
    torch.manual_seed(0)
    model, batch = Network(kind, depth), torch.randint(len(x), (1, 64))
    with torch.no_grad():
        before = model(x[batch[0]])
    steps(model, x, y, batch, 1e-3)
    with torch.no_grad():
        return (model(x[batch[0]]) - before).square().mean().sqrt().item()


def accuracy(kind: str, depth: int, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 797 digits after training on the other 1,000 at a learning rate of 0.005, without warm-up."""
    torch.manual_seed(seed)
    model, order = Network(kind, depth), torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    steps(model, x, y, train[torch.randint(1000, (STEPS, 64))], 5e-3)
    with torch.no_grad():
        return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    results: dict[str, dict[str, list]] = {}
    for kind, style in STYLES.items():
        moves = [moved(kind, depth, x, y) for depth in DEPTHS]
        scores = [[accuracy(kind, depth, seed, x, y) for seed in range(SEEDS)] for depth in TRAINED]
        results[kind] = {"moved": moves, "accuracy": scores}
        plt.plot(DEPTHS, moves, style, label=kind)
    plt.xscale("log", base=2)
    plt.xticks(DEPTHS, [str(depth) for depth in DEPTHS])
    plt.ylim(bottom=0)
    plt.xlabel("branches")
    plt.ylabel("change of the logits in the first step")
    plt.legend()
    plt.savefig("deepnorm.svg")
    rows = [
        [str(depth), *(" / ".join(f"{score:.2f}" for score in results[kind]["accuracy"][i]) for kind in STYLES)]
        for i, depth in enumerate(TRAINED)
    ]
    with Path("deepnorm.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["branches", *STYLES], *rows])
    Path("deepnorm.json").write_text(json.dumps(results))
    worst = [f"{kind} {min(results[kind]['accuracy'][1]):.2f}" for kind in STYLES]
    print(f"20 branches, worst seed: {', '.join(worst)}")
