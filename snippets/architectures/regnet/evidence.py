"""What each stage of RegNetY-3.2GF holds and costs at 224 by 224, its block, and where its widths come from.

Source: Radosavovic et al., "Designing Network Design Spaces", 2020, section 3.3
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.architectures.regnet.from_scratch import VARIANTS, RegNet, stage_sizes
from snippets.experiment import arrow, box, save, stages


def draw_block() -> None:
    """The block of the second stage, as a diagram."""
    _, axes = plt.subplots(figsize=(4.5, 5))
    names = [
        "x: 216 channels",
        "1×1 convolution, 216",
        "3×3 in 9 groups, 216",
        "gate, 54 hidden",
        "1×1 convolution, 216",
    ]
    names += ["+", "ReLU"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.0, 0), (0.1, -5), bend=-0.9)
    axes.set(xlim=(-2.2, 3), ylim=(-6.5, 0.5))
    axes.set_axis_off()
    plt.savefig("regnet.svg")


def draw_widths(blocks: int, first: int, slope: float, step: float, group: int) -> None:
    """The line, and the width that each block has."""
    sizes = stage_sizes(blocks, first, slope, step, group)
    widths = [width for width, count in sizes for _ in range(count)]
    places = list(range(1, blocks + 1))
    _, axes = plt.subplots()
    axes.plot(places, [first + slope * (place - 1) for place in places], ":", label="line")
    axes.plot(places, widths, "o", label="width of the block")
    axes.set(xlabel="block", ylabel="channels", yscale="log")
    axes.legend()
    plt.savefig("regnet-widths.svg")
    with Path("regnet-widths.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [
            [place, f"{first + slope * (place - 1):.1f}", width] for place, width in zip(places, widths, strict=True)
        ]
        csv.writer(file).writerows([["block", "line", "width of the block"], *lines])


if __name__ == "__main__":
    with torch.device("meta"):
        model = RegNet(*VARIANTS["Y-3.2GF"])
    save("regnet", "RegNetY-3.2GF", stages(model))
    draw_block()
    draw_widths(*VARIANTS["Y-3.2GF"][:5])
