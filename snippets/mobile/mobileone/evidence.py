"""What each stage of MobileOne-S1 holds and costs once it is deployed, all sizes in both forms, and the block.

Source: Vasu et al., "MobileOne: An Improved One millisecond Mobile Backbone", 2022, table 2 and figure 3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.mobileone.from_scratch import WIDTHS, MobileOne, deployed


def counts(model: nn.Module) -> dict[str, int]:
    """Parameters and multiply-adds for an image of 224 × 224."""
    rows = stages(model).values()
    return {key: sum(row[key] for row in rows) for key in ("parameters", "multiply_adds")}


if __name__ == "__main__":
    with torch.device("meta"):
        models = {size: MobileOne(size) for size in WIDTHS}
        small = {size: deployed(model) for size, model in models.items()}
    save("mobileone", "MobileOne-S1", stages(small["s1"]))
    sizes = {size: {"trained": counts(models[size]), "deployed": counts(small[size])} for size in WIDTHS}
    result = json.loads(Path("mobileone.json").read_text(encoding="utf-8")) | {"sizes": sizes}
    Path("mobileone.json").write_text(json.dumps(result), encoding="utf-8")
    head = [
        "network variant",
        *(f"{what}, {form}" for form in ("in training", "deployed") for what in ("parameters", "multiply-adds")),
    ]
    rows = [
        [
            size.upper(),
            *(text for n in both.values() for text in (f"{n['parameters']:,}", f"{n['multiply_adds'] / 1e6:,.0f} M")),
        ]
        for size, both in sizes.items()
    ]
    with Path("mobileone-sizes.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    _, axes = plt.subplots(figsize=(6, 4))
    parts = {"3×3, BN": (-2.6, -1.3), "1×1, BN": (-0.6, -1.3), "BN": (1.2, -1.3)}
    box(axes, -0.6, 0, "x")
    box(axes, -0.6, -2.6, "+, ReLU")
    for name, (x, y) in parts.items():
        box(axes, x, y, name)
        arrow(axes, (-0.6, 0), (x, y))
        arrow(axes, (x, y), (-0.6, -2.6))
    for y, name in ((0, "x"), (-1.3, "3×3"), (-2.6, "ReLU")):
        box(axes, 4.2, y, name)
    for y in (0.0, -1.3):
        arrow(axes, (4.2, y), (4.2, y - 1.3))
    axes.text(-0.6, 0.7, "in training", ha="center")
    axes.text(4.2, 0.7, "deployed", ha="center")
    axes.set(xlim=(-4.2, 5.6), ylim=(-3.2, 1))
    axes.set_axis_off()
    plt.savefig("mobileone.svg")
