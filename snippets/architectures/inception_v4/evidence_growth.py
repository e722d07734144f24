"""How a signal grows through 39 residual Inception blocks, as many as Inception-ResNet-v2 has, at three scales.

Source: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", 2016,
section 3.3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.architectures.inception_v4.use import block35

BLOCKS, SEEDS, SCALES = 39, 2, (1.0, 0.3, 0.1)


def growth(scale: float, seed: int) -> list[float]:
    """Root mean square behind each block, as a multiple of the input's; fresh weights, batch statistics."""
    torch.manual_seed(seed)
    x = torch.randn(4, 64, 6, 6).relu()
    start, sizes = x.square().mean().sqrt(), [1.0]
    with torch.no_grad():
        for _ in range(BLOCKS):
            x = block35(64, 16, scale)(x)
            sizes.append((x.square().mean().sqrt() / start).item())
    return sizes


if __name__ == "__main__":
    runs = {scale: torch.tensor([growth(scale, seed) for seed in range(SEEDS)]) for scale in SCALES}
    _, axes = plt.subplots()
    for (scale, sizes), style in zip(runs.items(), ("-", "--", ":"), strict=True):
        axes.plot(sizes.mean(0).tolist(), style, label=f"scale {scale:g}")
    axes.set(xlabel="blocks", ylabel="size of the signal")
    axes.legend()
    plt.savefig("inception-v4-growth.svg")
    with Path("inception-v4-growth.csv").open("w", newline="", encoding="utf-8") as file:
        means = [sizes.mean(0).tolist() for sizes in runs.values()]
        rows = ([block, *(f"{mean[block]:.2f}" for mean in means)] for block in range(0, BLOCKS + 1, 3))
        csv.writer(file).writerows([["blocks", *(f"scale {scale:g}" for scale in runs)], *rows])
    last = {f"{scale:g}": sizes[:, -1].tolist() for scale, sizes in runs.items()}
    Path("inception-v4-growth.json").write_text(json.dumps(last), encoding="utf-8")
    print("behind the last block:", {scale: round(sum(sizes) / SEEDS, 1) for scale, sizes in last.items()})
