"""What each stage of FasterNet-T0 holds and costs for an image of 224 by 224, its block, and three ways to mix places.

Source: Chen et al., "Run, Don't Walk: Chasing Higher FLOPS for Faster Neural Networks", 2023, section 3.1 and table 9
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.fasternet.from_scratch import FasterNet, PartialConv

STAGES = {40: 56, 80: 28, 160: 14, 320: 7}  # channels and side of the map of T0's stages


def cost(layers: list[nn.Conv2d], side: int) -> tuple[int, int]:
    """Multiply-adds, and numbers read and written: inputs, outputs and weights."""
    work = sum(layer.weight.numel() * side * side for layer in layers)
    maps = sum((layer.in_channels + layer.out_channels) * side * side for layer in layers)
    return work, maps + sum(layer.weight.numel() for layer in layers)


def mixers(channels: int) -> dict[str, list[nn.Conv2d]]:
    """The convolutions that three ways to mix places consist of."""
    return {
        "3×3 convolution": [nn.Conv2d(channels, channels, 3, padding=1, bias=False)],
        "3×3 depthwise": [nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)],
        "partial convolution": [PartialConv(channels).conv],
    }


if __name__ == "__main__":
    with torch.device("meta"):
        model = FasterNet()
        costs = {c: {name: cost(layers, side) for name, layers in mixers(c).items()} for c, side in STAGES.items()}
    save("fasternet", "FasterNet-T0", stages(model))
    result = json.loads(Path("fasternet.json").read_text(encoding="utf-8")) | {"mixers": costs}
    Path("fasternet.json").write_text(json.dumps(result), encoding="utf-8")
    rows = [
        [f"{c}×{STAGES[c]}×{STAGES[c]}", name, f"{work / 1e6:.2f} M", f"{moved / 1e6:.3f} M"]
        for c, both in costs.items()
        for name, (work, moved) in both.items()
    ]
    with Path("fasternet-mixers.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["feature map", "layer", "multiply-adds", "numbers read and written"], *rows])
    _, axes = plt.subplots(figsize=(5, 5))
    box(axes, 0, 0, "x: 160 channels")
    box(axes, -1.3, -1, "3×3, 40 channels")
    box(axes, 1.3, -1, "120 channels")
    names = ["1×1 convolution, 320", "1×1 convolution, 160", "+"]
    for start, end in (((0, 0), (-1.3, -1)), ((0, 0), (1.3, -1)), ((-1.3, -1), (0, -2)), ((1.3, -1), (0, -2))):
        arrow(axes, start, end)
    for place, name in enumerate(names, start=2):
        box(axes, 0, -place, name)
        if place > 2:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.2, 0), (0.1, -4), bend=-0.9)
    axes.set(xlim=(-2.8, 3.4), ylim=(-4.6, 0.5))
    axes.set_axis_off()
    plt.savefig("fasternet.svg")
