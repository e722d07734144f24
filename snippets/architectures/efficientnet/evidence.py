"""What each stage of EfficientNet-B0 holds and costs for an image of 224 by 224, and what scaling it costs.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, section 3
"""

import csv
import json
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.architectures.efficientnet.from_scratch import EfficientNet
from snippets.experiment import arrow, box, save, stages

SIZE = 224


SCALED: dict[str, tuple[float, float, int]] = {
    "B0": (1, 1, 224),
    "twice as deep": (1, 2, 224),
    "twice as wide": (2, 1, 224),
    "twice the resolution": (1, 1, 448),
}
SCALED |= {"all three": (1.1, 1.2, 257)}


def scaling() -> dict[str, dict[str, float]]:
    """Network -> the factor of multiply-adds by the formula and as counted, and the parameters."""
    rows: dict[str, dict[str, float]] = {}
    for name, (width, depth, size) in SCALED.items():
        with torch.device("meta"):
            parts = stages(EfficientNet(width, depth), size).values()
        count = {key: sum(part[key] for part in parts) for key in ("parameters", "multiply_adds", "activations")}
        rows[name] = {"formula": depth * width**2 * (size / SIZE) ** 2, **count}
    return rows


def save_scaling(rows: dict[str, dict[str, float]]) -> None:
    """The table, and the numbers beside those of the stages."""
    head = ["network", "formula", "multiply-adds counted", "activations", "parameters"]
    lines = [
        [
            name,
            f"{row['formula']:.2f}",
            *(f"{row[key] / rows['B0'][key]:.2f}" for key in ("multiply_adds", "activations", "parameters")),
        ]
        for name, row in rows.items()
    ]
    with Path("efficientnet-scaling.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *lines])
    path = Path("efficientnet.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scaled": rows}), encoding="utf-8")


if __name__ == "__main__":
    with torch.device("meta"):
        model = EfficientNet()
    save("efficientnet", "EfficientNet-B0", stages(model))
    save_scaling(scaling())
    _, axes = plt.subplots(figsize=(4.5, 6))
    names = [
        "x: 40 channels",
        "1×1 convolution, 240",
        "5×5 depthwise, 240",
        "times the gate",
        "1×1 convolution, 40",
        "+",
    ]
    heights = [0, -1, -2, -4.2, -5.2, -6.2]
    for name, height in zip(names, heights, strict=True):
        box(axes, 0, height, name)
    for start, end in pairwise(heights):
        arrow(axes, (0, start), (0, end))
    for name, height in (("mean of each channel", -2.6), ("1×1, 10; 1×1, 240; sigmoid", -3.4)):
        box(axes, 2.6, height, name)
    arrow(axes, (1.2, -2), (2.4, -2.6))
    arrow(axes, (2.6, -2.6), (2.6, -3.4))
    arrow(axes, (2.4, -3.4), (0.9, -4.2))
    arrow(axes, (-0.8, 0), (-0.1, -6.2), bend=0.65)
    axes.set(xlim=(-2.8, 4.4), ylim=(-6.7, 0.5))
    axes.set_axis_off()
    plt.savefig("efficientnet.svg")
