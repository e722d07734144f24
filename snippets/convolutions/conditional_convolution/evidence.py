"""What CondConv costs beside an ordinary convolution and beside a mixture of experts, by the size of the map.

Source: Yang et al., "CondConv: Conditionally Parameterized Convolutions for Efficient Inference", 2019, section 3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.conditional_convolution.use import CondConv2d

CHANNELS = 32
SIZES = [1, 2, 4, 7, 14, 28, 56]
EXPERTS = [2, 4, 8]


def multiply_adds(module: nn.Module, size: int) -> int:
    """Of one image, counted by torch; the routing and the mixing of kernels are matrix products and count too."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module(torch.empty(1, CHANNELS, size, size, device="meta"))
    return counter.get_total_flops() // 2


if __name__ == "__main__":
    with torch.device("meta"):
        plain = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        layers = {n: CondConv2d(CHANNELS, CHANNELS, experts=n) for n in EXPERTS}
    ordinary = {size: multiply_adds(plain, size) for size in SIZES}
    counts = {n: {size: multiply_adds(layer, size) for size in SIZES} for n, layer in layers.items()}
    parameters = {n: sum(p.numel() for p in layer.parameters()) for n, layer in layers.items()}
    with Path("conditional-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["size of the map", "ordinary convolution", *(f"CondConv, {n} experts" for n in EXPERTS)]
        lines = [[size, f"{ordinary[size]:,}", *(f"{counts[n][size]:,}" for n in EXPERTS)] for size in SIZES]
        csv.writer(file).writerows([head, *lines])
    results = {"ordinary": ordinary, "counts": counts, "parameters": parameters}
    Path("conditional-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    _, axes = plt.subplots(figsize=(5, 3.2))
    for n, marker in zip(EXPERTS, "os^", strict=True):
        ratios = [counts[n][size] / ordinary[size] for size in SIZES]
        axes.plot(SIZES, ratios, marker=marker, label=f"{n} experts")
    axes.set(xscale="log", yscale="log", xlabel="height and width of the map", ylabel="multiply-adds, times ordinary")
    axes.set_xticks(SIZES, [str(size) for size in SIZES])
    axes.set_yticks([1, 2, 4, 8], ["1", "2", "4", "8"])
    axes.minorticks_off()
    axes.legend()
    plt.tight_layout()
    plt.savefig("conditional-convolution.svg")
    print(f"8 experts, a map of 14 by 14: {counts[8][14] / ordinary[14]:.2f} times the multiply-adds")
