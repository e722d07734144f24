"""How much of a dropped pixel the kept ones tell: single pixels and squares of digits, dropped at the same share.

Source: Ghiasi et al., "DropBlock: A regularization method for convolutional networks", 2018, section 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

DRAWS, SHARES, SIZES = 40, [0.1, 0.2, 0.3, 0.4, 0.5], {1: "o-", 3: "s--", 5: "^:"}


def masks(p: float, size: int) -> Tensor:
    """Kept pixels (draws, 64) as bool, of DropBlock with squares of a side; side 1 is dropout."""
    torch.manual_seed(0)
    seeds = torch.empty(DRAWS, 1, 9 - size, 9 - size).bernoulli_(p * 64 / size**2 / (9 - size) ** 2)
    return F.max_pool2d(F.pad(seeds, [size - 1] * 4), size, stride=1).flatten(1) == 0


def explained(kept: Tensor, train: Tensor, test: Tensor) -> float | None:
    """Share of the dropped pixels' variance that a linear prediction from the kept ones explains, on unseen images."""
    if kept.all() or not kept.any():
        return None
    mean = train.mean(dim=0)
    covariance = (train - mean).T @ (train - mean) / len(train) + 0.1 * torch.eye(64)  # (64, 64), a little ridge
    weights = torch.linalg.solve(covariance[kept][:, kept], covariance[kept][:, ~kept])
    error = (test - mean)[:, ~kept] - (test - mean)[:, kept] @ weights
    return 1 - (error.square().sum() / (test - mean)[:, ~kept].square().sum()).item()


if __name__ == "__main__":
    images = torch.tensor(load_digits().data, dtype=torch.float32)  # (1797, 64), 0 to 16
    train, test = images[:1200], images[1200:]
    results: dict[str, dict[str, list[float]]] = {}
    rows = [[f"{p:g}"] for p in SHARES]
    for size, style in SIZES.items():
        name = "single pixels" if size == 1 else f"squares of side {size}"
        results[name] = {"explained": [], "dropped": []}
        for p, row in zip(SHARES, rows, strict=True):
            kept = masks(p, size)
            values = [value for one in kept if (value := explained(one, train, test)) is not None]
            results[name]["explained"].append(sum(values) / len(values))
            results[name]["dropped"].append(1 - kept.float().mean().item())
            row.append(f"{sum(values) / len(values):.2f}")
        plt.plot(results[name]["dropped"], results[name]["explained"], style, label=name)
    plt.xlabel("share of pixels dropped")
    plt.ylabel("variance of dropped pixels\nexplained by kept ones")
    plt.ylim(0, 1)
    plt.legend()
    plt.savefig("dropblock.svg")
    with Path("dropblock.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["p", *results], *rows])
    Path("dropblock.json").write_text(json.dumps(results))
    print(f"explained at p = 0.2: {[round(result['explained'][1], 2) for result in results.values()]}")
