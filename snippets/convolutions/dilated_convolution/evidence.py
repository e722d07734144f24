"""Which pixels an output of three dilated layers reads, and how many weights of a layer lie inside the map.

Source: Wang et al., "Understanding Convolution for Semantic Segmentation", 2017, section 3.2; Chen et al., "Rethinking
Atrous Convolution for Semantic Image Segmentation", 2017, section 3.3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn import functional as F

STACKS = [(1, 1, 1), (2, 2, 2), (1, 2, 4), (1, 2, 5), (1, 2, 9), (4, 4, 4)]
SIZE, RATES = 65, [1, 6, 12, 18, 24, 36, 64]


def read(dilations: tuple[int, ...]) -> Tensor:
    """On how many ways each pixel reaches the one output of layers with kernel 3, (height, width), by gradients."""
    field = 1 + 2 * sum(dilations)
    x = torch.zeros(1, 1, field, field, requires_grad=True)
    y = x
    for dilation in dilations:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), dilation=dilation)
    y.sum().backward()
    assert x.grad is not None
    return x.grad[0, 0]


def inside(rate: int) -> list[int]:
    """How many of the nine weights lie on the map, for each output of a layer that keeps SIZE × SIZE."""
    counts = F.conv2d(torch.ones(1, 1, SIZE, SIZE), torch.ones(1, 1, 3, 3), padding=rate, dilation=rate)
    return [round(count) for count in counts.flatten().tolist()]


if __name__ == "__main__":
    _, rows = plt.subplots(2, 3, figsize=(5, 3.8))
    results: dict[str, dict] = {"ways": {}, "inside": {}}
    table = []
    for axes, dilations in zip(rows.flat, STACKS, strict=True):
        ways, name = read(dilations), ", ".join(map(str, dilations))
        axes.imshow(ways.sqrt().tolist(), cmap="viridis")
        axes.set_title(name)
        axes.set_axis_off()
        results["ways"][name] = ways.tolist()
        share = (ways > 0).float().mean().item()
        table.append([name, f"{len(ways)} × {len(ways)}", int((ways > 0).sum()), f"{share:.0%}"])
    plt.tight_layout()
    plt.savefig("dilated-convolution.svg")
    with Path("dilated-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["dilations", "receptive field", "pixels read", "share"], *table])
    for rate in RATES:
        counts = inside(rate)
        results["inside"][str(rate)] = [counts.count(n) / len(counts) for n in (9, 6, 4, 3, 2, 1)]
    Path("dilated-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    plt.figure()
    for n, style, column in ((9, "o-", 0), (4, "s--", 2), (1, "^:", 5)):
        plt.plot(
            RATES,
            [shares[column] for shares in results["inside"].values()],
            style,
            label=f"{n} of 9 weights on the map",
        )
    plt.xlabel("dilation")
    plt.ylabel("share of the outputs")
    plt.legend()
    plt.savefig("dilated-convolution-border.svg")
    with Path("dilated-convolution-border.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[rate, *(f"{shares[i]:.3f}" for i in (0, 2, 5))] for rate, shares in results["inside"].items()]
        csv.writer(file).writerows([["dilation", *(f"{n} of 9 weights on the map" for n in (9, 4, 1))], *lines])
    print(f"share of the field that is read: {[row[3] for row in table]}")
