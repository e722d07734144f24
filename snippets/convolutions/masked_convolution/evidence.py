"""Which pixels reach one output through stacked masked convolutions, and through two stacks, by gradients.

Source: van den Oord et al., "Conditional Image Generation with PixelCNN Decoders", 2016, figures 1 and 2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F


def masked(x: Tensor, layers: int) -> Tensor:
    """3 x 3 masked convolutions with weights of 1, the first with mask A."""
    for layer in range(layers):
        mask = torch.zeros(9)
        mask[: 4 + (layer > 0)] = 1
        x = F.conv2d(x, mask.view(1, 1, 3, 3), padding=1)
    return x


def two_stacks(x: Tensor, layers: int) -> Tensor:
    """One stack looks up, 3 pixels wide; the other looks left, and takes the first one's row above."""
    above, left = x, x
    for layer in range(layers):
        above = F.conv2d(F.pad(above, (1, 1, 1, 0)), torch.ones(1, 1, 2, 3))
        row = torch.tensor([1.0, float(layer > 0)]).view(1, 1, 1, 2)
        left = F.conv2d(F.pad(left, (1, 0)), row) + F.pad(above, (0, 0, 1, 0))[:, :, :-1]
    return left


NETWORKS = {"masked convolutions": masked, "two stacks": two_stacks}


def seen(name: str, layers: int) -> Tensor:
    """Which pixels move the output in the middle of the map, (height, width) of bool."""
    size = 2 * layers + 5
    x = torch.ones(1, 1, size, size, dtype=torch.float32, requires_grad=True)
    NETWORKS[name](x, layers)[0, 0, size // 2, size // 2].backward()
    assert x.grad is not None
    return x.grad[0, 0] != 0


def missed(pixels: Tensor) -> int:
    """Earlier pixels, in the rows and columns of those that are seen, which are not seen."""
    size = len(pixels)
    rows, columns = (pixels.any(dim=d).nonzero() for d in (1, 0))
    earlier = (torch.arange(size * size) < size * size // 2).view(size, size)
    window = torch.zeros_like(earlier)
    window[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return int((earlier & window & ~pixels).sum())


def draw(pixels: Tensor, axes: plt.Axes, title: str) -> None:
    """The map; pixels that the framed output sees are coloured."""
    size = len(pixels)
    for h in range(size):
        for w in range(size):
            axes.add_patch(Rectangle((w, h), 0.9, 0.9, facecolor="C0" if pixels[h, w] else "0.85"))
    axes.add_patch(Rectangle((size // 2, size // 2), 0.9, 0.9, facecolor="none", edgecolor="C1", linewidth=2.5))
    axes.set(xlim=(-0.2, size), ylim=(size, -0.2), aspect="equal", title=title)
    axes.set_axis_off()


if __name__ == "__main__":
    _, panels = plt.subplots(1, 2, figsize=(6, 3.2))
    for axes, name in zip(panels, NETWORKS, strict=True):
        draw(seen(name, 4), axes, name)
    plt.savefig("masked-convolution.svg")

    counts = {
        str(n): [count for name in NETWORKS for count in (int(seen(name, n).sum()), missed(seen(name, n)))]
        for n in (1, 2, 4, 8)
    }
    with Path("masked-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["layers", *(f"{name}, {what}" for name in NETWORKS for what in ("seen", "missed"))]
        csv.writer(file).writerows([head, *([n, *row] for n, row in counts.items())])
    figures = {name: seen(name, 4).int().tolist() for name in NETWORKS}
    Path("masked-convolution.json").write_text(json.dumps({"seen": figures, "counts": counts}), encoding="utf-8")
    print(f"8 layers miss {counts['8'][1]} earlier pixels, two stacks {counts['8'][3]}")
