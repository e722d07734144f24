"""Which places of a map an output of ASPP reads, and how many of a branch's nine weights lie on maps of usual sizes.

Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section 3.3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch.nn import functional as F

RATES, MARKS = (0, 6, 12, 18), ("o", "s", "^", "D")
PANELS = ((33, 16, "33 × 33, middle"), (33, 2, "33 × 33, near a corner"), (14, 7, "14 × 14, middle"))
CROPS = (224, 321, 513, 769)
STRIDE = 16


def reads(size: int, place: int, rate: int) -> list[list[int]]:
    """The places (row, column) that an output of one branch reads, by the gradient; rate 0 is the 1 × 1 branch."""
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    kernel = torch.ones(1, 1, 3, 3) if rate else torch.ones(1, 1, 1, 1)
    F.conv2d(x, kernel, padding=rate, dilation=max(1, rate))[0, 0, place, place].backward()
    assert x.grad is not None
    return x.grad[0, 0].nonzero().tolist()


def weights_on_the_map(size: int, rate: int) -> float:
    """Mean over all outputs of how many of the nine weights lie on the map."""
    return F.conv2d(torch.ones(1, 1, size, size), torch.ones(1, 1, 3, 3), padding=rate, dilation=rate).mean().item()


if __name__ == "__main__":
    _, panels = plt.subplots(1, 3, figsize=(6, 3), gridspec_kw={"width_ratios": [33, 33, 14]})
    seen: dict[str, dict[str, list[list[int]]]] = {}
    for axes, (size, place, title) in zip(panels, PANELS, strict=True):
        seen[title] = {str(rate): reads(size, place, rate) for rate in RATES}
        for rate, mark in zip(RATES, MARKS, strict=True):
            rows, columns = zip(*seen[title][str(rate)], strict=True)
            axes.plot(columns, rows, mark, markersize=6 if rate == 0 else 4, label=f"rate {rate}" if rate else "1 × 1")
        axes.set(xlim=(-0.5, size - 0.5), ylim=(size - 0.5, -0.5), aspect="equal", xticks=[], yticks=[])
        axes.set_title(title, fontsize=9)
    panels[0].figure.legend(*panels[0].get_legend_handles_labels(), loc="lower center", ncols=4)
    plt.tight_layout(rect=(0, 0.1, 1, 0.95))
    plt.savefig("aspp.svg")
    sizes = [-(-crop // STRIDE) for crop in CROPS]  # layers with stride 2 round up
    means = {size: {rate: weights_on_the_map(size, rate) for rate in RATES[1:]} for size in sizes}
    table = [
        [crop, f"{n} × {n}", *(f"{means[n][r]:.1f}" for r in RATES[1:])] for crop, n in zip(CROPS, sizes, strict=True)
    ]
    with Path("aspp.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["image size", "feature map", *(f"rate {rate}" for rate in RATES[1:])], *table])
    Path("aspp.json").write_text(json.dumps({"reads": seen, "weights": means}), encoding="utf-8")
    print(f"weights of nine on the map, images of {CROPS[0]}: {table[0][2:]}, of {CROPS[2]}: {table[2][2:]}")
