"""A convolution step by step: which pixels each of its first outputs sees, measured by gradients.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor
from torch.nn import functional as F

SIZE, KERNEL, STRIDE, PADDING = 5, 3, 2, 1
STEPS = [(0, 0), (0, 1), (0, 2), (1, 0)]  # row and column of the outputs that are drawn, from 0


def seen(row: int, column: int) -> Tensor:
    """Which pixels of the padded image move this output; (padded size, padded size) of bool."""
    x = torch.zeros(1, 1, SIZE + 2 * PADDING, SIZE + 2 * PADDING, requires_grad=True)
    y = F.conv2d(x, torch.ones(1, 1, KERNEL, KERNEL), stride=STRIDE)
    return torch.autograd.grad(y[0, 0, row, column], x)[0][0, 0] != 0


def grid(axes: plt.Axes, filled: Tensor, room: int, border: int = 0) -> None:
    """A square for each place, filled where True; the places of the border have no line. ``room``: places a side."""
    height, width = filled.shape
    for i in range(height):
        for j in range(width):
            inside = border <= i < height - border and border <= j < width - border
            color, line, alpha = "C1" if filled[i, j] else "none", int(inside), 0.9 if inside else 0.4
            square = Rectangle((j, i), 0.9, 0.9, facecolor=color, edgecolor="C0", linewidth=line, alpha=alpha)
            axes.add_patch(square)
    near, far = (height - room) / 2 - 0.2, (height + room) / 2 + 0.1
    axes.set(xlim=(near, far), ylim=(far, near), aspect="equal")
    axes.set_axis_off()


if __name__ == "__main__":
    room = SIZE + 2 * PADDING
    outputs = (room - KERNEL) // STRIDE + 1
    _, columns = plt.subplots(2, len(STEPS), figsize=(6, 3.2))
    windows = []
    for number, ((row, column), (above, below)) in enumerate(zip(STEPS, columns.T, strict=True), start=1):
        windows.append(seen(row, column))
        grid(above, windows[-1], room, border=PADDING)
        above.set_title(f"output {number}")
        here = torch.zeros(outputs, outputs, dtype=torch.bool)
        here[row, column] = True
        grid(below, here, room)
    plt.savefig("convolution-steps.svg")
    kept = [{"output": place, "seen": window.int().tolist()} for place, window in zip(STEPS, windows, strict=True)]
    inside = [int(window[PADDING:-PADDING, PADDING:-PADDING].sum()) for window in windows]
    with Path("convolution-steps.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[row + 1, column + 1, n, KERNEL**2 - n] for (row, column), n in zip(STEPS, inside, strict=True)]
        csv.writer(file).writerows([["row", "column", "pixels seen", "places seen on the padding"], *lines])
    Path("convolution-steps.json").write_text(json.dumps(kept), encoding="utf-8")
    print(f"pixels seen, padding among them: {[int(window.sum()) for window in windows]}")
