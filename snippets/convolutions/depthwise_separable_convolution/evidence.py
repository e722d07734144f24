"""Which inputs one output of four layers sees, by gradients, and what a dense and a separable convolution cost.

Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
section 3.1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor, nn

CHANNELS, SIZE = 6, 5
PLACE = (0, 2, 2, 2)  # the output that is followed: third channel, middle
WIDTH, MAP = 128, 56  # of the layers in the table


def reach(layer: nn.Module) -> Tensor:
    """Which elements of the input move the output at PLACE, (channel, height, width) of bool."""
    torch.manual_seed(0)
    x = torch.randn(1, CHANNELS, SIZE, SIZE, requires_grad=True)
    layer(x)[PLACE].backward()
    assert x.grad is not None
    return x.grad[0] != 0


def draw(reached: Tensor, axes: plt.Axes, title: str) -> None:
    """A map for each channel of the input; the place of the output has a frame."""
    for c in range(CHANNELS):
        for h in range(SIZE):
            for w in range(SIZE):
                corner, color = (c * (SIZE + 1) + w, h), "C0" if reached[c, h, w] else "0.85"
                axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor=color))
                if (c, h, w) == PLACE[1:]:
                    axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor="none", edgecolor="C1", linewidth=2.5))
    axes.set(xlim=(-0.2, CHANNELS * (SIZE + 1) - 0.8), ylim=(SIZE + 0.2, -0.2), aspect="equal", title=title)
    axes.set_xticks([c * (SIZE + 1) + SIZE / 2 for c in range(CHANNELS)], [str(c + 1) for c in range(CHANNELS)])
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def costs(layers: nn.Sequential) -> dict[str, int]:
    """Weights, multiply-adds, and numbers that are read or written, for one input of WIDTH channels."""
    x = torch.empty(1, WIDTH, MAP, MAP, device="meta")
    total = {"weights": 0, "multiply_adds": 0, "moved": 0}
    for layer in layers:
        assert isinstance(layer, nn.Conv2d)
        y = layer(x)
        total["weights"] += layer.weight.numel()
        total["multiply_adds"] += y.numel() * layer.weight[0].numel()
        total["moved"] += x.numel() + y.numel() + layer.weight.numel()
        x = y
    return total


if __name__ == "__main__":
    depthwise = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS)
    pointwise = nn.Conv2d(CHANNELS, CHANNELS, 1)
    layers = {
        "dense": nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1),
        "depthwise": depthwise,
        "pointwise": pointwise,
        "depthwise, then pointwise": nn.Sequential(depthwise, pointwise),
    }
    reached = {name: reach(layer) for name, layer in layers.items()}
    _, panels = plt.subplots(4, 1, figsize=(5, 5.6))
    for axes, (name, seen) in zip(panels, reached.items(), strict=True):
        draw(seen, axes, name)
    panels[-1].set_xlabel("channel of the input")
    plt.savefig("depthwise-separable-convolution.svg")

    table: dict[str, dict[str, int]] = {}
    for k in (3, 5, 7):
        with torch.device("meta"):
            table[f"{k}×{k}, dense"] = costs(nn.Sequential(nn.Conv2d(WIDTH, WIDTH, k, padding=k // 2)))
            filters = nn.Conv2d(WIDTH, WIDTH, k, padding=k // 2, groups=WIDTH)
            table[f"{k}×{k}, separable"] = costs(nn.Sequential(filters, nn.Conv2d(WIDTH, WIDTH, 1)))
    with Path("depthwise-separable-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["kernel", "weights", "multiply-adds", "numbers moved", "multiply-adds per number"]
        rows = [
            [
                name,
                f"{row['weights']:,}",
                f"{row['multiply_adds'] / 1e6:,.1f} M",
                f"{row['moved'] / 1e6:.2f} M",
                f"{row['multiply_adds'] / row['moved']:.0f}",
            ]
            for name, row in table.items()
        ]
        csv.writer(file).writerows([head, *rows])
    numbers = {"reach": {name: seen.int().tolist() for name, seen in reached.items()}, "costs": table}
    Path("depthwise-separable-convolution.json").write_text(json.dumps(numbers), encoding="utf-8")
    ratio = table["3×3, dense"]["multiply_adds"] / table["3×3, separable"]["multiply_adds"]
    print(f"3 x 3, {WIDTH} channels: a dense convolution needs {ratio:.1f} times the multiply-adds of a separable one")
