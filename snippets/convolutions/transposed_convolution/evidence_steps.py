"""A transposed convolution step by step: which inputs some of its outputs see, measured by gradients.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

SIZE, KERNEL, STRIDE, PADDING = 3, 3, 2, 1
STEPS = [(0, 0), (0, 1), (1, 0), (1, 1)]  # row and column of the outputs that are drawn, from 0


def seen(row: int, column: int) -> Tensor:
    """Which inputs move this output; (size, size) of bool."""
    x = torch.zeros(1, 1, SIZE, SIZE, requires_grad=True)
    y = F.conv_transpose2d(x, torch.ones(1, 1, KERNEL, KERNEL), stride=STRIDE, padding=PADDING)
    return torch.autograd.grad(y[0, 0, row, column], x)[0][0, 0] != 0


def grid(axes: plt.Axes, filled: Tensor, room: int) -> None:
    """A square for each place, filled where True. ``room``: places a side."""
    height, width = filled.shape
    for i in range(height):
        for j in range(width):
            color = "C1" if filled[i, j] else "none"
            axes.add_patch(Rectangle((j, i), 0.9, 0.9, facecolor=color, edgecolor="C0", alpha=0.9))
    near, far = (height - room) / 2 - 0.2, (height + room) / 2 + 0.1
    axes.set(xlim=(near, far), ylim=(far, near), aspect="equal")
    axes.set_axis_off()


if __name__ == "__main__":
    outputs = (SIZE - 1) * STRIDE - 2 * PADDING + KERNEL
    _, columns = plt.subplots(2, len(STEPS), figsize=(6, 3.2))
    windows = []
    for (row, column), (above, below) in zip(STEPS, columns.T, strict=True):
        windows.append(seen(row, column))
        grid(above, windows[-1], outputs)
        above.set_title(f"output {row + 1}, {column + 1}")
        here = torch.zeros(outputs, outputs, dtype=torch.bool)
        here[row, column] = True
        grid(below, here, outputs)
    plt.savefig("transposed-convolution-steps.svg")
    kept = [{"output": place, "seen": window.int().tolist()} for place, window in zip(STEPS, windows, strict=True)]
    with Path("transposed-convolution-steps.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[row + 1, column + 1, int(w.sum())] for (row, column), w in zip(STEPS, windows, strict=True)]
        csv.writer(file).writerows([["row", "column", "inputs seen"], *lines])
    Path("transposed-convolution-steps.json").write_text(json.dumps(kept), encoding="utf-8")
    print(f"inputs seen: {[int(window.sum()) for window in windows]}")
