"""Loss after 40 steps at three learning rates: Fixup, batch normalization, and neither.

Source: Zhang et al., "Fixup Initialization: Residual Learning Without Normalization", 2019.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.fixup.use import fixup_scale

BLOCKS, WIDTH, STEPS, SEEDS = 12, 32, 40, 2
RATES = [0.01, 0.03, 0.1]


class Block(nn.Module):
    """Residual block of two linear layers with Fixup's scalars, and with batch normalization if asked."""

    def __init__(self, normalize: bool) -> None:
        super().__init__()
        self.layer1, self.layer2 = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))
        self.norm1, self.norm2 = (nn.BatchNorm1d(WIDTH) if normalize else nn.Identity() for _ in range(2))
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(1)) for _ in range(4)])
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.layer1(x + self.bias[0])) + self.bias[1])
        y = self.norm2(self.layer2(y + self.bias[2])) * self.scale + self.bias[3]
        return torch.relu(x + y)


def final_loss(method: str, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Mean training loss of the last five steps, 10 where it is larger or not finite."""
    torch.manual_seed(seed)
    head = nn.Linear(WIDTH, 10)
    blocks = [Block(method == "BatchNorm") for _ in range(BLOCKS)]
    model = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), *blocks, head)
    for block in blocks:
        nn.init.kaiming_normal_(block.layer1.weight)
        nn.init.kaiming_normal_(block.layer2.weight)
        if method == "Fixup":
            with torch.no_grad():
                block.layer1.weight.mul_(fixup_scale(BLOCKS))
                block.layer2.weight.zero_()
    if method == "Fixup":
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    mean = sum(losses[-5:]) / 5
    return min(mean, 10.0) if math.isfinite(mean) else 10.0


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.get_default_dtype()) / 16 - 0.3
    y = torch.tensor(digits.target)
    rows: list[list[str]] = [["learning rate", "He, no normalization", "Fixup", "BatchNorm"]]
    results = {
        method: [[final_loss(method, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        for method in rows[0][1:]
    }
    table = {method: [sum(losses) / SEEDS for losses in results[method]] for method in results}
    for i, lr in enumerate(RATES):
        rows.append([str(lr)] + [f"{table[method][i]:.2f}" for method in rows[0][1:]])
    for method, marker in zip(table, "so^", strict=True):
        plt.plot(RATES, table[method], marker=marker, label=method)
    plt.axhline(math.log(10), linestyle=":", label="guessing: ln 10")
    plt.xscale("log")
    plt.xlabel("learning rate")
    plt.ylabel("training loss after 40 steps (10 = diverged)")
    plt.title(f"{BLOCKS} residual blocks on digits")
    plt.legend()
    plt.savefig("fixup.svg")
    with Path("fixup.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("fixup.json").write_text(json.dumps(results))
