"""What each stage of ResNeXt-50 holds and costs, its block, and blocks of other cardinality at the same cost.

Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", 2016, tables 1 and 2, figure 3
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.architectures.resnext.from_scratch import ResNeXt
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = ResNeXt()
        others = {
            f"{groups}×{base}d": ResNeXt(50, groups, base)
            for groups, base in [(1, 64), (2, 40), (4, 24), (8, 14), (32, 4)]
        }
    save("resnext", "ResNeXt-50 32×4d", stages(model))
    rows = []
    for name, other in others.items():
        cost = sum(row["multiply_adds"] for row in stages(other).values())
        rows.append([name, f"{sum(p.numel() for p in other.parameters()):,}", f"{cost / 1e9:.2f} G"])
    with Path("resnext-cardinality.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["groups × channels", "parameters", "multiply-adds"], *rows])
    _, axes = plt.subplots(figsize=(5.4, 4.4))
    for place, name in enumerate(["1×1 convolution, 4", "3×3 convolution, 4", "1×1 convolution, 256"]):
        for x, text in ((0.0, name), (2.7, "…"), (5.4, name)):
            box(axes, x, -1 - place, text) if x != 2.7 else axes.text(x, -1 - place, text, ha="center")
            if place and x != 2.7:
                arrow(axes, (x, -place), (x, -1 - place))
    box(axes, 2.7, 0, "x: 256 channels")
    box(axes, 2.7, -4, "+")
    axes.text(2.7, -2.5, "32 paths", ha="center")
    for x in (0.0, 5.4):
        arrow(axes, (2.7, 0), (x, -1))
        arrow(axes, (x, -3), (2.7, -4))
    arrow(axes, (4.2, 0), (2.9, -4), bend=-1.5)
    axes.set(xlim=(-1.8, 9), ylim=(-4.5, 0.5))
    axes.set_axis_off()
    plt.savefig("resnext.svg")
