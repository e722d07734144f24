"""All singular values of a stack of convolutions, as one matrix: delta-orthogonal, torch's orthogonal_, and Gaussian.

Source: Xiao et al., "Dynamical Isometry and a Mean Field Theory of CNNs", 2018.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from snippets.initialization.delta_orthogonal_init.use import delta_orthogonal_

CHANNELS, SIZE, DEPTHS = 8, 5, (1, 5, 25)
NAMES = ["delta-orthogonal", "torch's orthogonal_", "Gaussian, variance 1/fan_in"]


def kernel(name: str) -> Tensor:
    """A kernel (8, 8, 3, 3)."""
    weight = torch.zeros(CHANNELS, CHANNELS, 3, 3)
    if name == NAMES[0]:
        delta_orthogonal_(weight)
    elif name == NAMES[1]:
        nn.init.orthogonal_(weight)  # of the flattened (8, 72) matrix
    else:
        nn.init.normal_(weight, std=1 / math.sqrt(9 * CHANNELS))
    return weight.double()


def singular_values(name: str, depth: int, seed: int = 0) -> Tensor:
    """Singular values, falling, of ``depth`` layers on (8, 5, 5) images with circular padding: 200 of them."""
    torch.manual_seed(seed)
    inputs = CHANNELS * SIZE * SIZE
    x = torch.eye(inputs, dtype=torch.float64).reshape(inputs, CHANNELS, SIZE, SIZE)  # every unit image
    for _ in range(depth):
        x = nn.functional.conv2d(nn.functional.pad(x, (1, 1, 1, 1), mode="circular"), kernel(name))
    return torch.linalg.svdvals(x.flatten(1))


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), sharex=True, sharey=True, layout="constrained")
    rows = [["kernel", "layers", "largest singular value", "median", "smallest"]]
    kept, results = {}, {}
    for axis, depth in zip(axes, DEPTHS, strict=True):
        for name, style, marker in zip(NAMES, ["-", "--", ":"], "osv", strict=True):
            values = singular_values(name, depth)
            results[f"{name}, {depth}"] = values.tolist()
            axis.semilogy(values.tolist(), style, marker=marker, markevery=40, label=name)
            shown = [values[0], values.median(), values[-1]]  # below 1e-14 stands float64's rounding
            rows.append([name, str(depth), *(f"{v:.1e}" if v > 1e-14 else "below 1e-14" for v in shown)])
            kept[name] = bool(values[0] < 1.001 * values[-1])
        axis.set(title=f"{depth} layer{'s' * (depth > 1)}", xlabel="index, sorted", ylim=(1e-10, 1e2))
    axes[0].set_ylabel("singular value")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    plt.savefig("delta-orthogonal-init.svg")
    with Path("delta-orthogonal-init.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("delta-orthogonal-init.json").write_text(json.dumps(results))
    for name in NAMES:
        print(f"{name}: norm kept in every direction by {DEPTHS[-1]} layers: {kept[name]}")
