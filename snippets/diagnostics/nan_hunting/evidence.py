"""How far one NaN pixel spreads in one step, and what anomaly detection and a search for inf name as its source.

Source: PyTorch documentation, torch.autograd.set_detect_anomaly.
"""

import csv
import json
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.diagnostics.nan_hunting.use import backward

STAGES = ["inputs", "layer 1", "layer 2", "outputs", "loss", "gradients", "weights after"]


def spread(x: Tensor, y: Tensor, with_norm: bool) -> list[float]:
    """Share of numbers that are not finite at each stage of one step of SGD, with one NaN pixel in 64 images."""
    torch.manual_seed(0)
    x = x[:64].clone()
    x[7, 20] = float("nan")
    blocks = [
        nn.Sequential(nn.Linear(64, 64), *([nn.BatchNorm1d(64)] if with_norm else []), nn.ReLU()) for _ in range(2)
    ]
    model = nn.Sequential(*blocks, nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    stages, out = [[x]], x
    for block in model:
        out = block(out)
        stages.append([out])
    loss = nn.functional.cross_entropy(out, y[:64])
    loss.backward()
    stages += [[loss], [p.grad for p in model.parameters() if p.grad is not None]]
    optimizer.step()
    stages.append(list(model.parameters()))
    flat = [torch.cat([t.detach().flatten() for t in stage]) for stage in stages]
    return [(~torch.isfinite(numbers)).float().mean().item() for numbers in flat]


def root_of_distance(x: Tensor) -> Tensor:
    """Mean distance of embeddings in pairs; one pair is the same image twice."""
    return (x[:8] - x[[0, *range(9, 16)]]).square().sum(dim=1).sqrt().mean()


def masked_entropy(x: Tensor) -> Tensor:
    """Sum of -p log p, with a mask in place of 0 log 0."""
    p = x.relu()
    return torch.where(p > 0, -p * p.log(), 0.0).sum()


FAULTS: dict[str, Callable[[Tensor], Tensor]] = {
    "root of a distance that is 0": root_of_distance,
    "logarithm of 0 behind a mask": masked_entropy,
}


def fault_of(fault: Callable[[Tensor], Tensor], layer: nn.Module, x: Tensor) -> Tensor:
    """The loss with this fault, with a new graph."""
    return fault(layer(x))


def named_by_search(loss: Tensor, weights: list[nn.Parameter]) -> str:
    """Name of the first operation of the backward pass that makes a number that is not finite out of finite ones."""
    return (backward(loss, weights) or "nothing").split()[0]


def anomaly(loss: Callable[[], Tensor], weights: list[nn.Parameter]) -> str:
    """Name of the operation in the error of torch's anomaly detection."""
    try:
        with warnings.catch_warnings(), torch.autograd.set_detect_anomaly(True):
            warnings.simplefilter("ignore")
            torch.autograd.grad(loss(), weights)
    except RuntimeError as error:
        return str(error).split("'")[1]
    return "nothing"


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data / 16, dtype=torch.float32)  # (1797, 64)
    y = torch.tensor(digits.target)
    results: dict[str, Any] = {"spread": {}, "faults": {}}
    for label, style, with_norm in [("no normalization", "o-", False), ("batch normalization", "s--", True)]:
        shares = spread(x, y, with_norm)
        results["spread"][label] = shares
        plt.plot(STAGES, shares, style, label=label)
    plt.yscale("log")
    plt.ylabel("share of numbers that are NaN")
    plt.xticks(rotation=30)
    plt.legend()
    plt.savefig("nan-hunting.svg")
    layer = nn.Linear(64, 32)
    torch.manual_seed(0)
    nn.init.normal_(layer.weight, std=0.125)
    weights = [p for p in layer.parameters() if p.dim() > 1]
    rows = []
    for name, fault in FAULTS.items():
        torchs = anomaly(partial(fault_of, fault, layer, x), weights)
        searched = named_by_search(fault(layer(x)), weights)
        results["faults"][name] = {"loss": fault(layer(x)).item(), "anomaly": torchs, "first not finite": searched}
        rows.append([name, torchs, searched])
    scale = nn.Parameter(torch.zeros(1))  # a learned variance that starts at 0
    torchs = anomaly(lambda: (scale.sqrt() * x).mean(), [scale])
    searched = named_by_search((scale.sqrt() * x).mean(), [scale])
    results["faults"]["root of a weight that is 0"] = {"loss": 0.0, "anomaly": torchs, "first not finite": searched}
    rows.append(["root of a weight that is 0", torchs, searched])
    with Path("nan-hunting.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["fault", "anomaly detection", "first NaN or inf"], *rows])
    Path("nan-hunting.json").write_text(json.dumps(results))
    print(f"one NaN in {64 * 64} inputs makes {results['spread']['no normalization'][-1]:.0%} of the weights NaN")
