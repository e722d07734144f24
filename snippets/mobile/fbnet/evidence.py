"""What each stage of FBNet-C holds and costs for an image of 224 by 224, and which blocks the search chose.

Source: Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", 2018,
figure 4
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.fbnet.from_scratch import STAGES, FBNetC


def diagram() -> None:
    """One place during the search: three candidates, each with a share, and their sum."""
    _, axes = plt.subplots(figsize=(5, 3.8))
    box(axes, 0, 0, "x")
    candidates = {"3×3 block": -3.6, "5×5 block": 0.0, "no block": 3.6}
    for name, x in candidates.items():
        box(axes, x, -2.5, name)
        arrow(axes, (0, 0), (x, -2.5))
        arrow(axes, (x, -2.5), (0, -5))
    box(axes, 0, -5, "sum, each times its share")
    axes.set(xlim=(-6, 6), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("fbnet-choice.svg")
    plt.close()
    with Path("fbnet-choice.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["candidate", "share with equal scores"], *([name, f"{1 / 3:.0%}"] for name in candidates)]
        )


if __name__ == "__main__":
    diagram()
    with torch.device("meta"):
        model = FBNetC()
    save("fbnet", "FBNet-C", stages(model))
    blocks = [(place + 1, *block) for place, (*_, chosen) in enumerate(STAGES) for block in chosen]
    _, axes = plt.subplots(figsize=(4.8, 3.6))
    for kernel, marker in ((3, "s"), (5, "o")):
        chosen = [(n, expansion) for n, (_, k, expansion) in enumerate(blocks, start=1) if k == kernel]
        axes.plot(*zip(*chosen, strict=True), marker, label=f"{kernel}×{kernel}")
    for n in range(1, len(blocks)):
        if blocks[n][0] != blocks[n - 1][0]:
            axes.axvline(n + 0.5, linewidth=0.5)
    axes.set(xlabel="block, with a line between stages", ylabel="expansion", yticks=[1, 3, 6], ylim=(0, 7))
    axes.legend(loc="lower right")
    plt.tight_layout()
    plt.savefig("fbnet.svg")
