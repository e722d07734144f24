"""What each stage of EfficientNetV2-S holds and costs for an image of 384 by 384, and what fusing more stages costs.

Source: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021, section 3
"""

import csv
import json
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.architectures.efficientnet_v2.from_scratch import EfficientNetV2, S
from snippets.experiment import arrow, box, save, stages

SIZE = 384


def fused_up_to() -> dict[str, dict[str, int]]:
    """The last stage with fused blocks -> what the whole network of S's stages then holds and costs."""
    forms = {}
    for fused in (True, False):  # stage 1 does not widen, so that it is fused in any case
        with torch.device("meta"):
            model = EfficientNetV2([(fused or number == 0, *stage[1:]) for number, stage in enumerate(S)])
        forms[fused] = stages(model, SIZE)
    rows = {}
    for last in range(1, 7):
        parts = [forms[name <= f"stage{last}"][name] for name in forms[True]]
        rows[str(last)] = {key: sum(part[key] for part in parts) for key in ("parameters", "multiply_adds")}
    return rows


def save_fused(rows: dict[str, dict[str, int]]) -> None:
    """The table, and the numbers beside those of the stages."""
    lines = [
        [last, f"{row['parameters'] / 1e6:.1f} M", f"{row['multiply_adds'] / 1e9:.1f} G"] for last, row in rows.items()
    ]
    with Path("efficientnet-v2-fused.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["last fused stage", "parameters", "multiply-adds"], *lines])
    path = Path("efficientnet-v2.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fused": rows}), encoding="utf-8")


def draw() -> None:
    """A block of stage 4 beside the same block, fused."""
    _, axes = plt.subplots(figsize=(5, 5.5))
    columns: list[tuple[float, list[str], list[float]]] = [
        (-1.7, ["MBConv", "1×1, 256", "3×3 depthwise, 256", "times the gate", "1×1, 64", "+"], [0, -1, -2, -3, -4, -5]),
        (1.7, ["fused", "3×3, 256", "1×1, 64", "+"], [0, -1.5, -4, -5]),
    ]
    for x, names, heights in columns:
        for name, height in zip(names, heights, strict=True):
            box(axes, x, height, name)
        for start, end in pairwise(heights):
            arrow(axes, (x, start), (x, end))
        arrow(axes, (x + 0.3, 0), (x + 0.15, -5), bend=-0.5)
    axes.set(xlim=(-3.3, 3.9), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("efficientnet-v2.svg")


if __name__ == "__main__":
    with torch.device("meta"):
        model = EfficientNetV2()
    save("efficientnet-v2", "EfficientNetV2-S", stages(model, SIZE))
    save_fused(fused_up_to())
    draw()
