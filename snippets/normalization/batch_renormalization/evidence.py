"""Digits in batches that batch normalization does not like: two samples, and samples of two classes only.

Source: Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models", 2017.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.batch_renormalization.use import BatchRenorm2d, set_limits

SEEDS, STEPS, START = 3, 50, 12
KINDS = {"2 samples": 2, "16 of two classes": 16, "16 samples": 16}
NORMS = ["batch normalization", "batch renormalization", "layer normalization"]


def batches(kind: str, train: Tensor, y: Tensor) -> Tensor:
    """Indices of the training images of each step, (steps, samples)."""
    size = KINDS[kind]
    if kind != "16 of two classes":
        return train[torch.randint(len(train), (STEPS, size))]
    by_class = [train[y[train] == digit] for digit in range(10)]
    pairs = [torch.randperm(10)[:2].tolist() for _ in range(STEPS)]
    return torch.stack(
        [torch.cat([by_class[i][torch.randint(len(by_class[i]), (size // 2,))] for i in pair]) for pair in pairs]
    )


def renorm(channels: int) -> nn.Sequential:
    """Batch renormalization of (batch, channel)."""
    return nn.Sequential(nn.Unflatten(1, (channels, 1, 1)), BatchRenorm2d(channels), nn.Flatten())


def accuracy(norm: str, kind: str, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 797 digits in eval mode after SGD on the other 1,000."""
    torch.manual_seed(seed)
    make: dict[str, Callable[[int], nn.Module]] = {NORMS[0]: nn.BatchNorm1d, NORMS[1]: renorm, NORMS[2]: nn.LayerNorm}
    hidden = (part for _ in range(2) for part in (nn.Linear(64, 64), make[norm](64), nn.ReLU()))
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step, batch in enumerate(batches(kind, train, y)):
        set_limits(model, step, START, 2 * START, 2 * START)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model.eval()(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    results = {norm: {kind: [accuracy(norm, kind, s, x, y) for s in range(SEEDS)] for kind in KINDS} for norm in NORMS}
    for norm, style in zip(NORMS, ("s", "o", "^"), strict=True):
        plt.plot([mean(scores) for scores in results[norm].values()], list(KINDS), style, label=norm)
    plt.xlim(0, 1)
    plt.xlabel("mean test accuracy of three seeds")
    plt.legend()
    plt.savefig("batch-renormalization.svg")
    rows = [[kind, *(" / ".join(f"{s:.2f}" for s in results[norm][kind]) for norm in NORMS)] for kind in KINDS]
    with Path("batch-renormalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["a batch", *NORMS], *rows])
    Path("batch-renormalization.json").write_text(json.dumps(results))
    gain = mean(results[NORMS[1]]["2 samples"]) - mean(results[NORMS[0]]["2 samples"])
    print(f"two samples a batch, gain over batch normalization: {gain:.2f}")
