"""Second moments of the skip path, and of each branch relative to it, with batch norm, SkipInit, and neither.

Source: De and Smith, "Batch Normalization Biases Residual Blocks Towards the Identity Function in Deep Networks", 2020,
figure 1.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

BLOCKS, CHANNELS, DRAWS = 40, 16, 3
NAMES = ["batch norm", "neither", "alpha = 1/sqrt(blocks)"]


def through_blocks(name: str, seed: int) -> tuple[list[float], list[float]]:
    """Second moment of the skip path before each block, and the branch's over it; untrained convolutions."""
    torch.manual_seed(seed)
    x = torch.randn(16, CHANNELS, 8, 8)  # (batch, channels, height, width)
    skips, shares = [], []
    for _ in range(BLOCKS):
        weight = nn.init.kaiming_normal_(torch.empty(CHANNELS, CHANNELS, 3, 3), nonlinearity="relu")
        before = nn.functional.batch_norm(x, None, None, training=True) if name == NAMES[0] else x
        padded = nn.functional.pad(torch.relu(before), (1, 1, 1, 1), mode="circular")  # no border effects
        branch = nn.functional.conv2d(padded, weight) * (BLOCKS**-0.5 if name == NAMES[2] else 1.0)
        skips.append(x.square().mean().item())
        shares.append(branch.square().mean().item() / skips[-1])
        x = x + branch
    return skips, shares


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharex=True, layout="constrained")
    rows = [["network", "second moment of the skip path before the last block", "share of the last branch in it"]]
    results = {}
    for name, style, marker in zip(NAMES, ["-", ":", "--"], "osv", strict=True):
        results[name] = [through_blocks(name, seed) for seed in range(DRAWS)]
        runs = torch.tensor(results[name])  # (draws, 2, blocks)
        for axis, values in zip(axes, runs.median(0).values, strict=True):
            axis.semilogy(range(1, BLOCKS + 1), values.tolist(), style, marker=marker, markevery=5, label=name)
        skip, share = runs.median(0).values[:, -1].tolist()
        rows.append([name, f"{skip:.2g}", f"{share:.2g}"])
    ideal = [1 / block for block in range(1, BLOCKS + 1)]
    axes[1].semilogy(range(1, BLOCKS + 1), ideal, "-.", linewidth=1, color="C6", label="1 / block")
    axes[0].set(title="skip path", xlabel="block", ylabel="second moment", ylim=(0.5, 1e6))
    axes[1].set(title="branch relative to skip path", xlabel="block", ylabel="ratio of second moments", ylim=(0.01, 3))
    axes[0].legend()
    axes[1].legend()
    plt.savefig("skipinit.svg")
    with Path("skipinit.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("skipinit.json").write_text(json.dumps(results))
    for row in rows[1:]:
        print(f"{row[0]}: share of the last branch {float(row[2]):.0e}")
