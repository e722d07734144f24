"""Which pixels of a map move any output of five layers, by gradients, and what a 1 x 1 convolution in front saves.

Source: He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", 2018, section 4.2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor, nn

SIZE = 8


def read(layer: nn.Module) -> Tensor:
    """Which pixels of the input move the sum of all outputs, (height, width) of bool."""
    torch.manual_seed(0)
    x = torch.randn(1, 3, SIZE, SIZE, requires_grad=True)
    layer(x).square().sum().backward()
    assert x.grad is not None
    return x.grad[0].abs().sum(dim=0) > 0


def draw(seen: Tensor, axes: plt.Axes, title: str) -> None:
    """The map: pixels that some output reads are coloured."""
    for h in range(SIZE):
        for w in range(SIZE):
            axes.add_patch(Rectangle((w, h), 0.9, 0.9, facecolor="C0" if seen[h, w] else "0.85"))
    axes.set(xlim=(-0.2, SIZE), ylim=(SIZE, -0.2), aspect="equal", title=title)
    axes.set_axis_off()


def cost(size: int, *layers: nn.Conv2d) -> dict[str, int]:
    """Weights and multiply-adds for one image of size x size pixels."""
    x = torch.empty(1, layers[0].in_channels, size, size, device="meta")
    total = {"weights": 0, "multiply_adds": 0}
    for layer in layers:
        x = layer(x)
        total["weights"] += layer.weight.numel()
        total["multiply_adds"] += x.numel() * layer.weight[0].numel()
    return total


if __name__ == "__main__":
    layers = {
        "1×1": nn.Conv2d(3, 4, 1),
        "1×1, stride 2": nn.Conv2d(3, 4, 1, stride=2),
        "mean of 2×2, then 1×1": nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(3, 4, 1)),
        "3×3, stride 2": nn.Conv2d(3, 4, 3, stride=2, padding=1),
    }
    seen = {name: read(layer) for name, layer in layers.items()}
    _, panels = plt.subplots(2, 2, figsize=(4.6, 4.8))
    for axes, (name, pixels) in zip(panels.flat, seen.items(), strict=True):
        draw(pixels, axes, name)
    plt.savefig("pointwise-convolution.svg")

    with torch.device("meta"):
        wide = [nn.Conv2d(256, 256, 3, padding=1) for _ in range(2)]
        narrow = [nn.Conv2d(256, 64, 1), nn.Conv2d(64, 64, 3, padding=1), nn.Conv2d(64, 256, 1)]
        table = {
            "GoogLeNet: 5×5": cost(28, nn.Conv2d(192, 32, 5, padding=2)),
            "GoogLeNet: 1×1, 5×5": cost(28, nn.Conv2d(192, 16, 1), nn.Conv2d(16, 32, 5, padding=2)),
            "ResNet-50: 3×3, 3×3": cost(56, *wide),
            "ResNet-50: 1×1, 3×3, 1×1": cost(56, *narrow),
        }
    with Path("pointwise-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[name, f"{r['weights']:,}", f"{r['multiply_adds'] / 1e6:,.1f} M"] for name, r in table.items()]
        csv.writer(file).writerows([["layers", "weights", "multiply-adds"], *rows])
    numbers = {"read": {name: pixels.int().tolist() for name, pixels in seen.items()}, "costs": table}
    Path("pointwise-convolution.json").write_text(json.dumps(numbers), encoding="utf-8")
    share = seen["1×1, stride 2"].float().mean().item()
    print(f"share of the pixels that a 1 x 1 convolution with stride 2 reads: {share:.2f}")
