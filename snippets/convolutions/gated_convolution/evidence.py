"""How a signal changes in size through sixteen new layers, with and without gates.

Source: Yu et al., "Free-Form Image Inpainting with Gated Convolution", 2018, section 3.1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.gated_convolution.use import GatedConv2d

DEPTH, CHANNELS, SEEDS = 16, 32, 3


class Plain(nn.Conv2d):
    """The same features without gates."""

    def __init__(self) -> None:
        super().__init__(CHANNELS, CHANNELS, 3, padding=1)
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return F.elu(super().forward(x))


def sizes(name: str, seed: int) -> list[float]:
    """Root mean square of the signal before and after each layer."""
    torch.manual_seed(seed)
    x = torch.randn(2, CHANNELS, 16, 16)
    found = [x.square().mean().sqrt().item()]
    for _ in range(DEPTH):
        bias = 2.0 if name.endswith("2") else 0.0
        layer = Plain() if name == "without gates" else GatedConv2d(CHANNELS, CHANNELS, gate_bias=bias)
        x = layer(x)
        found.append(x.square().mean().sqrt().item())
    return found


if __name__ == "__main__":
    results: dict[str, list[float]] = {}
    with torch.no_grad():
        for name in ("without gates", "gates with bias 0", "gates with bias 2"):
            runs = [sizes(name, seed) for seed in range(SEEDS)]
            results[name] = [sum(run[layer] for run in runs) / SEEDS for layer in range(DEPTH + 1)]
    plt.figure(figsize=(5, 3.5))
    for (name, found), style in zip(results.items(), ("o-", "s--", "^:"), strict=True):
        plt.semilogy(range(DEPTH + 1), found, style, label=name)
    plt.xlabel("layer")
    plt.ylabel("size of the signal")
    plt.legend()
    plt.savefig("gated-convolution.svg")
    rows = [[layer, *(f"{found[layer]:.4f}" for found in results.values())] for layer in range(0, DEPTH + 1, 4)]
    with Path("gated-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["layer", *results], *rows])
    Path("gated-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"left after {DEPTH} layers: {', '.join(f'{name} {found[-1]:.1%}' for name, found in results.items())}")
