"""Which channels one output sees through grouped convolutions, by gradients, and what groups cost at equal work.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018, section 2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor, nn

CHANNELS, SIZE = 6, 7
PLACE = (0, 1, 3, 3)  # the output that is followed: second channel, middle
MAP = 28  # height and width of the map in the table


def grouped() -> nn.Module:
    """A 3 x 3 convolution with 2 groups of 3 channels."""
    return nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=2)


def reach(*layers: nn.Module) -> Tensor:
    """Which elements of the input move the output at PLACE, (channel, height, width) of bool."""
    torch.manual_seed(0)
    x = torch.randn(1, CHANNELS, SIZE, SIZE, requires_grad=True)
    nn.Sequential(*layers)(x)[PLACE].backward()
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


def cost(channels: int, groups: int) -> dict[str, int]:
    """Weights, multiply-adds, and numbers that are read or written, of a 3 x 3 layer for one image."""
    with torch.device("meta"):
        layer = nn.Conv2d(channels, channels, 3, padding=1, groups=groups, bias=False)
        x = torch.empty(1, channels, MAP, MAP)
        y = layer(x)
    return {
        "weights": layer.weight.numel(),
        "multiply_adds": y.numel() * layer.weight[0].numel(),
        "moved": x.numel() + y.numel() + layer.weight.numel(),
    }


if __name__ == "__main__":
    layers = {
        "2 groups": [grouped()],
        "2 groups, twice": [grouped(), grouped()],
        "2 groups, then 1×1": [grouped(), nn.Conv2d(CHANNELS, CHANNELS, 1)],
        "2 groups, channel shuffle, 2 groups": [grouped(), nn.ChannelShuffle(2), grouped()],
    }
    reached = {name: reach(*chain) for name, chain in layers.items()}
    _, panels = plt.subplots(4, 1, figsize=(5, 5.6))
    for axes, (name, seen) in zip(panels, reached.items(), strict=True):
        draw(seen, axes, name)
    panels[-1].set_xlabel("channel of the input")
    plt.savefig("grouped-convolution.svg")

    settings = [(128, 1), (128, 4), (128, 16), (256, 4), (512, 16), (1024, 64)]
    table = {f"{channels:,} channels, groups: {groups}": cost(channels, groups) for channels, groups in settings}
    with Path("grouped-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["layer", "weights", "multiply-adds", "numbers moved", "multiply-adds per number"]
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
    Path("grouped-convolution.json").write_text(json.dumps(numbers), encoding="utf-8")
    dense, wide = table["128 channels, groups: 1"], table["1,024 channels, groups: 64"]
    print(f"equal multiply-adds: {dense['multiply_adds'] == wide['multiply_adds']}")
    print(f"64 groups and 8 times the channels move {wide['moved'] / dense['moved']:.1f} times as many numbers")
