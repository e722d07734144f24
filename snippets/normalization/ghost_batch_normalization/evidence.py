"""How noisy a normalized value is by size of the ghost batch, and test accuracy on digits with few training images.

Source: Hoffer et al., "Train longer, generalize better: closing the generalization gap in large batch training of
neural networks", 2017.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.ghost_batch_normalization.use import GhostBatchNorm2d

SIZES, GHOSTS, SEEDS, STEPS, BATCH = [4, 8, 16, 32, 64, 128], [4, 16, 64], 3, 60, 64


def noise(x: Tensor, size: int) -> float:
    """Standard deviation of one image's normalized pixels over 200 batches that it shares with others."""
    torch.manual_seed(0)
    draws = torch.randint(1, len(x), (200, size - 1))
    batches = torch.cat([x[:1].expand(200, 1, -1), x[draws]], dim=1)  # (200, size, pixels)
    mean, std = batches.mean(dim=1), batches.std(dim=1, correction=0)
    return ((x[0] - mean) / (std + 1e-2)).std(dim=0).mean().item()


def ghost(size: int) -> list[nn.Module]:
    """Normalization of (batch, 64) in parts of ``size`` samples."""
    return [nn.Unflatten(1, (64, 1, 1)), GhostBatchNorm2d(64, ghost_size=size), nn.Flatten()]


def accuracy(size: int, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 797 digits after SGD on 100 others, in batches of 64."""
    torch.manual_seed(seed)
    hidden = (part for _ in range(3) for part in (nn.Linear(64, 64), *ghost(size), nn.ReLU()))
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    order = torch.randperm(len(x))
    train, test = order[:100], order[-797:]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    for batch in train[torch.randint(100, (STEPS, BATCH))]:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model.eval()(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    busy = x[:, x.std(dim=0) > 0.2]  # pixels that differ between images
    noises = [noise(busy, size) for size in SIZES]
    scores = [[accuracy(size, seed, x, y) for seed in range(SEEDS)] for size in GHOSTS]
    plt.plot(SIZES, noises, "o-", label="measured")
    law = [noises[-1] * math.sqrt(SIZES[-1] / size) for size in SIZES]
    plt.plot(SIZES, law, ":", color="gray", label="proportional to the inverse root")
    plt.xscale("log", base=2)
    plt.yscale("log", base=2)
    plt.xticks(SIZES, [str(size) for size in SIZES])
    plt.xlabel("samples in the ghost batch")
    plt.ylabel("noise in a normalized value")
    plt.legend()
    plt.savefig("ghost-batch-normalization.svg")
    rows = [[str(size), *(f"{score:.3f}" for score in row)] for size, row in zip(GHOSTS, scores, strict=True)]
    with Path("ghost-batch-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["samples in the ghost batch", *(f"seed {seed}" for seed in range(SEEDS))], *rows])
    Path("ghost-batch-normalization.json").write_text(json.dumps({"noise": noises, "accuracy": scores}))
    print(f"noise with 4 samples against 64: {noises[0] / noises[4]:.1f} times")
