"""Size of the pre-activations against the width for sparse and dense weights, and training of a deep tanh network.

Source: Martens, "Deep learning via Hessian-free optimization", 2010.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.sparse_init.use import sparse_init_

SEEDS, STEPS, WIDTH, DEPTH = 3, 60, 64, 8


def torchs(weight: Tensor) -> None:
    """torch.nn.init.sparse_ with its default standard deviation of 0.01."""
    nn.init.sparse_(weight, sparsity=0.9)


def dense(weight: Tensor) -> None:
    """N(0, 1 / fan_in) without zeros."""
    nn.init.kaiming_normal_(weight, nonlinearity="linear")


INITS: dict[str, Callable[[Tensor], object]] = {
    "15 connections a unit": lambda weight: sparse_init_(weight, connections=15),
    "torch's sparse_(0.9)": torchs,
    "dense, 1/n": dense,
}


def train(init: Callable[[Tensor], object], seed: int, x: Tensor, y: Tensor) -> float:
    """Loss after STEPS steps of SGD with momentum on DEPTH tanh layers."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(DEPTH):
        linear = nn.Linear(WIDTH, WIDTH)
        init(linear.weight.data)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data[:200], dtype=torch.float32)  # (images, pixels)
    x = (x - x.mean()) / x.std()
    y = torch.tensor(digits.target[:200])
    widths = [32, 64, 128, 256, 512, 1024]
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    table_rows, results = [], {}
    for (name, init), style, marker in zip(INITS.items(), ["-", "--", ":"], ["o", "s", "^"], strict=True):
        sizes = []
        for width in widths:
            torch.manual_seed(0)
            weight = torch.empty(100, width)
            init(weight)
            sizes.append((torch.randn(500, width) @ weight.T).std().item())
        axis.loglog(widths, sizes, style, marker=marker, label=name)
        losses = [train(init, seed, x, y) for seed in range(SEEDS)]
        results[name] = {"sizes": sizes, "losses": losses}
        table_rows.append([name, f"{sizes[0]:.2f}", f"{sizes[-1]:.2f}", f"{torch.tensor(losses).median():.2f}"])
    axis.set(xlabel="number of inputs", ylabel="std of the pre-activations")
    axis.legend()
    plt.savefig("sparse-init.svg")
    with Path("sparse-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ["initialization", "std at 32 inputs", "std at 1024 inputs", f"training loss after {STEPS} steps"]
        )
        table.writerows(table_rows)
    Path("sparse-init.json").write_text(json.dumps(results))
    for name, _, _, loss in table_rows:
        print(f"{name}: training loss {float(loss):.1f}")
