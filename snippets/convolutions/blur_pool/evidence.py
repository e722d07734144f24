"""What halving makes of a pattern of rising frequency, and how far a shift moves the features of a network.

Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, figures 2 and 3
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.blur_pool.use import BlurPool

SIZE, DIGITS, SHIFTS = 64, 50, range(5)
STYLES = {"every second pixel": "o-", "max, 2×2": "s--", "max and blur of 3": "^-.", "max and blur of 5": "v:"}


def rings() -> Tensor:
    """Rings whose frequency rises from 0 in the middle to one change per pixel at the edge, (1, 1, size, size)."""
    place = torch.arange(SIZE) - SIZE / 2 + 0.5
    return torch.cos((place[:, None] ** 2 + place**2) * math.pi / SIZE)[None, None]


def halve(kind: str, channels: int) -> nn.Module:
    """A layer that halves a map, by its name in the figure."""
    if kind == "every second pixel":
        return nn.MaxPool2d(1, stride=2)
    if kind == "max, 2×2":
        return nn.MaxPool2d(2)
    return nn.Sequential(nn.MaxPool2d(2, stride=1), BlurPool(channels, int(kind[-1])))


def moved(kind: str, seed: int) -> list[float]:
    """Distance by which shifts move a digit's features, in mean distances between two digits; nothing is trained."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for inputs, outputs in ((1, 8), (8, 16)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(), halve(kind, outputs)]
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    digits = torch.tensor(load_digits().images[:DIGITS]).float()[:, None] / 16  # (digits, 1, 8, 8)
    with torch.no_grad():
        features = [network(F.pad(digits, (16 + shift, 16 - shift, 16, 16))) for shift in SHIFTS]
    apart = torch.cdist(features[0], features[0]).sum() / (DIGITS * (DIGITS - 1))
    return [((each - features[0]).norm(dim=1).mean() / apart).item() for each in features]


if __name__ == "__main__":
    x = rings()
    panels = {"rings": x, "every second pixel": x[..., ::2, ::2]}
    panels |= {"blur of 3": BlurPool(1, 3)(x), "blur of 5": BlurPool(1, 5)(x)}
    _, rows = plt.subplots(2, 2, figsize=(4.2, 4.4))
    for axes, (name, panel) in zip(rows.flat, panels.items(), strict=True):
        axes.imshow(panel[0, 0].tolist(), cmap="gray", vmin=-1, vmax=1)
        axes.set_title(name)
        axes.set_axis_off()
    plt.tight_layout()
    plt.savefig("blur-pool.svg")
    edge = {name: panel[0, 0, 0].square().mean().sqrt().item() for name, panel in panels.items()}
    results = {
        kind: [sum(s) / 3 for s in zip(*(moved(kind, seed) for seed in range(3)), strict=True)] for kind in STYLES
    }
    Path("blur-pool.json").write_text(json.dumps({"edge": edge, "moved": results}), encoding="utf-8")
    plt.figure()
    for kind, style in STYLES.items():
        plt.plot(SHIFTS, results[kind], style, label=kind)
    plt.xlabel("shift to the right (pixels)")
    plt.ylabel("distance from the features before")
    plt.legend()
    plt.savefig("blur-pool-shift.svg")
    with Path("blur-pool-shift.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["shift to the right (pixels)", *STYLES]
        csv.writer(file).writerows([head, *([s, *(f"{v[s]:.2f}" for v in results.values())] for s in SHIFTS)])
    print(f"moved by a shift of one pixel: { {kind: round(v[1], 2) for kind, v in results.items()} }")
