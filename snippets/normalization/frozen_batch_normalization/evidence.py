"""Fine-tuning on 64 digits that were moved or darkened, with batch normalization frozen and not, by size of the batch.

Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021.
"""

import copy
import csv
import json
from pathlib import Path
from statistics import mean, stdev

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SIZES, SEEDS, STEPS = [2, 4, 16], 8, 40
CHANGES = {"moved by a pixel": lambda x: x.roll(1, dims=2), "darkened": lambda x: 0.4 * x}


def fit(model: nn.Sequential, x: Tensor, y: Tensor, batches: Tensor, lr: float, frozen: bool = False) -> nn.Sequential:
    """A copy, after one step of SGD for each row of indices; frozen: batch normalization in eval mode throughout."""
    own = copy.deepcopy(model).train()
    for layer in own:
        if frozen and isinstance(layer, nn.BatchNorm1d):
            layer.eval().requires_grad_(False)
    optimizer = torch.optim.SGD(own.parameters(), lr=lr)
    for batch in batches:
        optimizer.zero_grad()
        nn.functional.cross_entropy(own(x[batch]), y[batch]).backward()
        optimizer.step()
    return own


def accuracy(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Share of right answers in eval mode."""
    with torch.no_grad():
        return (model.eval()(x).argmax(dim=1) == y).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32) / 16, torch.tensor(digits.target)  # (1797, 8, 8)
    results: dict[str, dict[str, list[list[float]]]] = {
        change: {"train mode": [[] for _ in SIZES], "frozen": [[] for _ in SIZES], "no training": [[]]}
        for change in CHANGES
    }
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        hidden = (part for _ in range(3) for part in (nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()))
        start = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(64, 10))
        order = torch.randperm(len(x))
        old, few, test = order[:800], order[800:864], order[1000:]
        trained = fit(start, x, y, old[torch.randint(800, (60, 32))], lr=0.2)
        for change, apply in CHANGES.items():
            new = apply(x)
            results[change]["no training"][0].append(accuracy(trained, new[test], y[test]))
            for i, size in enumerate(SIZES):
                batches = few[torch.randint(64, (STEPS, size))]
                for name in ("train mode", "frozen"):
                    tuned = fit(trained, new, y, batches, 0.01, frozen=name == "frozen")
                    results[change][name][i].append(accuracy(tuned, new[test], y[test]))
    rows = []
    for change, style in zip(CHANGES, ("o", "s"), strict=True):
        for name, line in (("frozen", "-"), ("train mode", "--")):
            scores = results[change][name]
            plt.plot(SIZES, [mean(row) for row in scores], style + line, label=f"{change}, {name}")
            rows.append([f"{change}, {name}", *(f"{mean(row):.2f} ± {stdev(row):.2f}" for row in scores)])
    plt.xscale("log", base=2)
    plt.xticks(SIZES, [str(size) for size in SIZES])
    plt.ylim(0, 1)
    plt.xlabel("samples a batch")
    plt.ylabel("mean test accuracy of eight seeds")
    plt.legend()
    plt.savefig("frozen-batch-normalization.svg")
    with Path("frozen-batch-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["batch normalization", *(f"batches of {size}" for size in SIZES)], *rows])
    Path("frozen-batch-normalization.json").write_text(json.dumps(results))
    for change in CHANGES:
        print(f"{change}: before fine-tuning {mean(results[change]['no training'][0]):.1f}")
