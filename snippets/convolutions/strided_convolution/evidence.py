"""How many outputs read each pixel, for kernels and strides that networks have, measured by gradients.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 2.4
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn import functional as F

LAYERS = {  # kernels, strides and paddings of the layers, the first nearest to the image
    "1×1, stride 2": [(1, 2, 0)],
    "2×2, stride 2": [(2, 2, 0)],
    "3×3, stride 2": [(3, 2, 1)],
    "4×4, stride 2": [(4, 2, 1)],
    "7×7, stride 2": [(7, 2, 3)],
    "3×3, stride 2, twice": [(3, 2, 1)] * 2,
}
SIZE = 32


def reads(layers: list[tuple[int, int, int]]) -> Tensor:
    """(SIZE, SIZE): paths from each pixel to the outputs; the gradient of their sum when every weight is 1."""
    x = torch.zeros(1, 1, SIZE, SIZE, requires_grad=True)
    y = x
    for kernel, stride, padding in layers:
        y = F.conv2d(y, torch.ones(1, 1, kernel, kernel), stride=stride, padding=padding)
    return torch.autograd.grad(y.sum(), x)[0][0, 0]


if __name__ == "__main__":
    figure, panels = plt.subplots(3, 2, figsize=(4.5, 6.5))
    table, results = [], {}
    for panel, (name, layers) in zip(panels.flatten(), LAYERS.items(), strict=True):
        counts = reads(layers)
        inside = counts[8:-8, 8:-8]
        panel.imshow(inside.tolist(), cmap="viridis", vmin=0)
        panel.set_title(name, fontsize=9)
        panel.set_axis_off()
        table.append([name, f"{(inside > 0).float().mean():.0%}", int(inside.min()), int(inside.max())])
        results[name] = inside.tolist()
    figure.tight_layout()
    plt.savefig("strided-convolution.svg")
    with Path("strided-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["layer", "pixels that are read", "fewest paths", "most paths"], *table])
    Path("strided-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    print(", ".join(f"{name}: {fewest} to {most}" for name, _, fewest, most in table))
