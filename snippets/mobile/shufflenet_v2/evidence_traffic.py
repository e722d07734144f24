"""How many numbers a 1×1 convolution moves at equal multiply-adds: for uneven widths, and for groups.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018, section 2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

SIZE, PAIRS, GROUPS = 28, [(128, 128), (64, 256), (32, 512), (16, 1024)], [1, 2, 4, 8]


def traffic(layer: nn.Conv2d) -> dict[str, int]:
    """Multiply-adds of the layer, and the numbers that it reads and writes: inputs, outputs and weights."""
    x = torch.empty(1, layer.in_channels, SIZE, SIZE, device="meta")
    out = layer.to("meta")(x)
    moved = x.numel() + out.numel() + layer.weight.numel()
    return {"multiply_adds": out.numel() * layer.weight[0].numel(), "moved": moved}


if __name__ == "__main__":
    rows = {}
    for channels, out in PAIRS:
        rows[f"{channels} to {out}"] = traffic(nn.Conv2d(channels, out, 1, bias=False))
    for groups in GROUPS[1:]:  # as many multiply-adds by as many more outputs
        rows[f"128 to {128 * groups}, {groups} groups"] = traffic(
            nn.Conv2d(128, 128 * groups, 1, groups=groups, bias=False)
        )
    plt.barh(list(rows), [row["moved"] / 1000 for row in rows.values()], color="C0")
    plt.gca().invert_yaxis()
    plt.xlabel("thousands of numbers moved")
    plt.savefig("shufflenet-v2-traffic.svg")
    with Path("shufflenet-v2-traffic.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["1×1 convolution", "multiply-adds", "numbers moved"]
        lines = [[name, f"{row['multiply_adds'] / 1e6:.1f} M", f"{row['moved']:,}"] for name, row in rows.items()]
        csv.writer(file).writerows([head, *lines])
    Path("shufflenet-v2-traffic.json").write_text(json.dumps(rows), encoding="utf-8")
    print(f"128 to 128 channels: {rows['128 to 128']['moved']:,} numbers, 16 to 1024: {rows['16 to 1024']['moved']:,}")
