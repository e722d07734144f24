"""Which places of its input each output of a convolution sees, measured by gradients.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.autograd.functional import jacobian
from torch.nn import functional as F

LAYERS: dict[str, tuple[int, dict[str, int]]] = {  # pixels, and the layer's settings
    "no padding": (8, {}),
    "padding 1": (8, {"padding": 1}),
    "stride 2, padding 1": (8, {"stride": 2, "padding": 1}),
    "stride 2, padding 1, odd size": (9, {"stride": 2, "padding": 1}),
    "dilation 2, padding 2": (8, {"dilation": 2, "padding": 2}),
}


def seen(size: int, padding: int = 0, stride: int = 1, dilation: int = 1) -> Tensor:
    """(outputs, padding + size + padding): which places, the padding among them, move which output; kernel 3."""
    x = torch.zeros(1, 1, size + 2 * padding)
    moved = jacobian(lambda x: F.conv1d(x, torch.ones(1, 1, 3), stride=stride, dilation=dilation), x)
    return moved[0, 0, :, 0, 0] != 0


def draw(axes: plt.Axes, reached: Tensor, size: int, title: str) -> None:
    """Inputs below, outputs above, a line for each pair where the input moves the output; padding is hollow."""
    outputs, places = reached.shape
    padding = (places - size) // 2
    for out in range(outputs):
        middle = reached[out].nonzero().float().mean().item() - padding
        axes.plot(middle, 1, "C1o")
        for place in reached[out].nonzero().flatten().tolist():
            axes.plot([place - padding, middle], [0.12, 0.88], "C1-", linewidth=1)
    for place in range(places):
        inside = padding <= place < padding + size
        axes.plot(place - padding, 0, "C0s", fillstyle="full" if inside else "none")
    axes.set(xlim=(-2.6, 10.6), ylim=(-0.4, 1.4), title=title)
    axes.set_axis_off()


if __name__ == "__main__":
    figure, rows = plt.subplots(len(LAYERS), 1, figsize=(4.5, 7))
    table, results = [], {}
    for axes, (name, (size, settings)) in zip(rows, LAYERS.items(), strict=True):
        reached = seen(size, **settings)
        draw(axes, reached, size, name)
        unread = int((~reached.any(dim=0)).sum())
        span = int(reached[0].nonzero().max() - reached[0].nonzero().min()) + 1
        table.append([name, size, len(reached), span, unread])
        results[name] = reached.int().tolist()
    figure.tight_layout()
    plt.savefig("convolution.svg")
    with Path("convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["layer with kernel 3", "pixels", "outputs", "pixels from first to last seen", "places that none sees"]
        csv.writer(file).writerows([head, *table])
    Path("convolution.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"outputs: {[len(reached) for reached in results.values()]}")
