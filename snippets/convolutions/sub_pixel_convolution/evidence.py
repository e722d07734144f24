"""Where PixelShuffle puts each channel, and what a super-resolution network costs at low and at high resolution.

Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
Network", 2016, section 3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

FACTORS = [2, 3, 4]


def network(factor: int, low: bool) -> nn.Sequential:
    """The paper's three layers for one channel; at low resolution with a shuffle at the end, or after enlarging."""
    body = [nn.Conv2d(1, 64, 5, padding=2), nn.Tanh(), nn.Conv2d(64, 32, 3, padding=1), nn.Tanh()]
    if low:
        return nn.Sequential(*body, nn.Conv2d(32, factor**2, 3, padding=1), nn.PixelShuffle(factor))
    return nn.Sequential(nn.Upsample(scale_factor=factor), *body, nn.Conv2d(32, 1, 3, padding=1))


def cost(model: nn.Sequential, size: int = 16) -> tuple[int, int]:
    """Multiply-adds and activations for each pixel of the input."""
    adds, numbers, y = 0, 0, torch.zeros(1, 1, size, size)
    for layer in model:
        y = layer(y)
        if isinstance(layer, nn.Conv2d):
            adds += y[0, 0].numel() * layer.weight.numel()
            numbers += y.numel()
    return adds // size**2, numbers // size**2


if __name__ == "__main__":
    channel = torch.arange(4.0).view(1, 4, 1, 1).expand(1, 4, 2, 2)  # every pixel holds the number of its channel
    shuffled = F.pixel_shuffle(channel, 2)[0, 0]
    _, axes = plt.subplots(1, 5, figsize=(5, 1.6), width_ratios=[1, 1, 1, 1, 2])
    for panel, picture, title in zip(axes, [*channel[0], shuffled], ["0", "1", "2", "3", "shuffled"], strict=True):
        panel.imshow(picture.tolist(), vmin=-1, vmax=6, cmap="Blues")
        for i, row in enumerate(picture.int().tolist()):
            for j, number in enumerate(row):
                panel.text(j, i, number, ha="center", va="center", color="C3")
        panel.set_title(title)
        panel.set_axis_off()
    plt.tight_layout()
    plt.savefig("sub-pixel-convolution.svg")
    results, table = {"shuffled": shuffled.tolist()}, []
    for factor in FACTORS:
        (low, few), (high, many) = cost(network(factor, low=True)), cost(network(factor, low=False))
        results[str(factor)] = [low, high, few, many]
        table.append([factor, f"{low:,}", f"{high:,}", f"{few:,}", f"{many:,}"])
    with Path("sub-pixel-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        sums, kept = "multiply-adds, {} resolution", "activations, {} resolution"
        head = ["factor", *(text.format(place) for text in (sums, kept) for place in ("low", "high"))]
        csv.writer(file).writerows([head, *table])
    Path("sub-pixel-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"multiply-adds for each pixel, factor 3: {table[1][1]} at low, {table[1][2]} at high resolution")
