"""Which inputs an output of three layers depends on, measured by gradients, and what the layers cost.

Source: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition", 2021, section 3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.involution.use import Involution

SIZE = 9


def reached(layer: nn.Module, channels: int = 8) -> Tensor:
    """(channels, height, width): which inputs have a gradient from the middle pixel of the third output channel."""
    torch.manual_seed(0)
    x = torch.randn(2, channels, SIZE, SIZE, requires_grad=True)
    layer.eval()(x)[0, 2, SIZE // 2, SIZE // 2].backward()
    assert x.grad is not None
    return x.grad[0].abs() > 1e-9


def costs(channels: int) -> dict[str, dict[str, int]]:
    """Layer -> parameters, multiply-adds for each pixel, and numbers for each pixel that it makes of the input."""
    with torch.device("meta"):
        layers: dict[str, tuple[nn.Module, int, int]] = {  # by hand: the involution's sum, and the copies of pixels
            "convolution 3×3": (nn.Conv2d(channels, channels, 3, padding=1, bias=False), 0, channels),
            "convolution 7×7": (nn.Conv2d(channels, channels, 7, padding=3, bias=False), 0, channels),
            "involution 7×7": (Involution(channels), 49 * channels, 49 * channels),
        }
    rows = {}
    for name, (layer, more, numbers) in layers.items():
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            layer.eval()(torch.empty(1, channels, 14, 14, device="meta"))
        parameters = sum(p.numel() for p in layer.parameters())
        adds = counter.get_total_flops() // 2 // 14**2 + more
        rows[name] = {"parameters": parameters, "multiply_adds": adds, "numbers": numbers}
    return rows


if __name__ == "__main__":
    torch.manual_seed(0)
    layers = {
        "convolution": nn.Conv2d(8, 8, 5, padding=2),
        "depthwise": nn.Conv2d(8, 8, 5, padding=2, groups=8),
        "involution": Involution(8, 5, group_channels=4, reduction=2),
    }
    found = {name: reached(layer) for name, layer in layers.items()}
    _, axes = plt.subplots(2, 3, figsize=(5, 3.6))
    for column, (name, mask) in enumerate(found.items()):
        for row, (channel, text) in enumerate(((2, "own channel"), (5, "other channel"))):
            axes[row, column].imshow(mask[channel].int().tolist(), cmap="Blues", vmin=0, vmax=1.3)
            axes[row, column].set(title=name if row == 0 else None, xticks=[], yticks=[])
            if column == 0:
                axes[row, column].set_ylabel(text)
    plt.tight_layout()
    plt.savefig("involution.svg")
    table = {str(channels): costs(channels) for channels in (64, 256)}
    with Path("involution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["channels", "layer", "parameters", "multiply-adds for each pixel", "numbers for each pixel"]
        lines = [
            [c, name, *(f"{n:,}" for n in row.values())] for c, rows in table.items() for name, row in rows.items()
        ]
        csv.writer(file).writerows([head, *lines])
    seen = {name: [int(mask[c].sum()) for c in range(8)] for name, mask in found.items()}
    Path("involution.json").write_text(json.dumps({"seen": seen, "costs": table}), encoding="utf-8")
    print(f"pixels seen in own and other channel: { {name: (row[2], row[5]) for name, row in seen.items()} }")
