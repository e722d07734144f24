"""Norm along weight-normalized networks, and training loss on digits, for three initializations of g.

Source: Arpit et al., "How to Initialize your Network? Robust Initialization for WeightNorm & ResNets", 2019.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from snippets.initialization.robust_weightnorm_resnet_init.use import weight_norm_gain

WIDTH, STEPS, SEEDS, LR = 32, 35, 2, 0.03
PLAIN, BLOCKS = 24, 12


def layer(method: str, gain: float) -> nn.Linear:
    """Weight-normalized square layer; ``gain`` is used by the proposed rule only."""
    result = nn.Linear(WIDTH, WIDTH)
    if method != "torch default":
        nn.init.kaiming_normal_(result.weight)
        nn.init.zeros_(result.bias)
    weight_norm(result)  # g starts at the row norms, so the function does not change
    if method == "proposed":
        nn.init.constant_(
            result.get_parameter("parametrizations.weight.original0"), weight_norm_gain(WIDTH, WIDTH, gain)
        )
    return result


class Block(nn.Module):
    """Residual block of two weight-normalized layers, or the same two layers without the shortcut."""

    def __init__(self, method: str, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.layer1 = layer(method, 2.0)
        self.layer2 = layer(method, 1 / BLOCKS if residual else 2.0)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer2(torch.relu(self.layer1(x)))
        return x + y if self.residual else torch.relu(y)


def run(method: str, residual: bool, seed: int, x: Tensor, y: Tensor) -> tuple[list[float], float]:
    """Relative norm after each block at the start, and the mean loss of the last five steps."""
    torch.manual_seed(seed)
    body = [Block(method, residual) for _ in range(BLOCKS)]
    model = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), *body, nn.Linear(WIDTH, 10))
    norms = []
    with torch.no_grad():
        signal = model[:2](x[:256])
        start = signal.norm()
        for block in body:
            signal = block(signal)
            norms.append((signal.norm() / start).item())
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9, fused=True)
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if not math.isfinite(losses[-1]):
            break
    return norms, sum(losses[-5:]) / 5


def load() -> tuple[Tensor, Tensor]:
    """Digits, standardized as a whole: (images, pixels) and labels."""
    digits = load_digits()
    x = (torch.tensor(digits.data, dtype=torch.get_default_dtype()) - 4.9) / 6.0
    return x, torch.tensor(digits.target)


if __name__ == "__main__":
    x, y = load()
    rows = [["network", "g", "norm after 12 blocks", "mean loss of the last 5 steps"]]
    results = {}
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for axis, residual in zip(axes, (False, True), strict=True):
        title = "residual, 12 blocks" if residual else f"plain, {PLAIN} layers"
        for method, style in (("torch default", "^:"), ("Kaiming", "s-"), ("proposed", "o--")):
            runs = [run(method, residual, seed, x, y) for seed in range(SEEDS)]
            results[f"{title}, {method}"] = {"norms": [run[0] for run in runs], "losses": [run[1] for run in runs]}
            norms = torch.tensor([norms for norms, _ in runs]).mean(0).tolist()
            loss = sum(loss for _, loss in runs) / SEEDS
            axis.plot(range(1, BLOCKS + 1), norms, style, label=method)
            rows.append([title, method, f"{norms[-1]:.1e}", f"{loss:.2f}" if math.isfinite(loss) else "diverged"])
        axis.set(title=title, xlabel="block of two layers", yscale="log")
    axes[0].set_ylabel("norm relative to the input's")
    axes[0].legend()
    figure.tight_layout()
    plt.savefig("robust-weightnorm-resnet-init.svg")
    with Path("robust-weightnorm-resnet-init.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("robust-weightnorm-resnet-init.json").write_text(json.dumps(results))
