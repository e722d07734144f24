"""Pre-activation variance along 20 layers for three activations and three initializers, on digits.

Source: Mishkin and Matas, "All you need is a good init", 2015.
"""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.lsuv.use import lsuv

DEPTH, WIDTH, STEPS, SEEDS = 20, 64, 40, 2
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"ReLU": nn.ReLU, "GELU": nn.GELU, "ELU": nn.ELU}


def initialize(model: nn.Sequential, method: str, x: Tensor) -> None:
    """Kaiming with the gain of ReLU, Xavier, or LSUV; biases zero."""
    if method == "LSUV":
        lsuv(model, x)
        return
    for layer in model:
        if isinstance(layer, nn.Linear):
            (nn.init.kaiming_normal_ if method == "Kaiming" else nn.init.xavier_normal_)(layer.weight)
            nn.init.zeros_(layer.bias)


def variances(model: nn.Sequential, x: Tensor) -> list[float]:
    """Variance of the output of each linear layer."""
    result = []
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.Linear):
            result.append(x.var().item())
    return result


def run(activation: Callable[[], nn.Module], method: str, seed: int, x: Tensor, y: Tensor) -> tuple[list[float], float]:
    """Variance in each of DEPTH layers on samples that LSUV did not see, and the loss of the last of STEPS steps."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Linear(64, WIDTH)]
    for _ in range(DEPTH - 1):
        layers += [activation(), nn.Linear(WIDTH, WIDTH)]
    model = nn.Sequential(*layers, activation(), nn.Linear(WIDTH, 10))
    with torch.no_grad():
        initialize(model, method, x[:512])
        curve = variances(model, x[512:1024])[:DEPTH]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return curve, loss.item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.get_default_dtype()) / 16  # not centred: most pixels are 0
    y = torch.tensor(digits.target)
    rows = [["activation", "initializer", "variance in layer 20", f"loss at step {STEPS}"]]
    results = {}
    figure, axes = plt.subplots(1, len(ACTIVATIONS), figsize=(10, 3.4), sharey=True)
    for axis, (name, activation) in zip(axes, ACTIVATIONS.items(), strict=True):
        for method, style in (("Kaiming", "s-"), ("Xavier", "^:"), ("LSUV", "o--")):
            curves, losses = zip(*(run(activation, method, seed, x, y) for seed in range(SEEDS)), strict=True)
            results[f"{name}, {method}"] = {"variances": curves, "losses": losses}
            curve = torch.tensor(curves).mean(0).tolist()
            axis.plot(range(1, DEPTH + 1), curve, style, markevery=3, label=method)
            mean = sum(losses) / SEEDS
            rows.append([name, method, f"{curve[-1]:.1e}", f"{mean:.2f}" if math.isfinite(mean) else "diverged"])
        axis.set(title=name, xlabel="layer", yscale="log")
    axes[0].set_ylabel("variance of the pre-activation")
    axes[0].legend()
    figure.tight_layout()
    plt.savefig("lsuv.svg")
    with Path("lsuv.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("lsuv.json").write_text(json.dumps(results))
