"""For how many inputs nothing is lost when they are widened by a random matrix and cut off by ReLU.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, section 3.2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

CHANNELS, EXPANSIONS, INPUTS, MATRICES = [4, 8, 24], [1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0], 100, 5


def kept(channels: int, expansion: float) -> float:
    """Share of inputs that ReLU(W x) still determines: the rows of W with a positive output have full rank."""
    wide = int(channels * expansion)
    whole = 0
    for _ in range(MATRICES):
        matrix = torch.randn(wide, channels)
        positive = torch.randn(INPUTS, channels) @ matrix.T > 0  # (inputs, wide)
        active = matrix * positive[:, :, None]  # (inputs, wide, channels)
        whole += int((torch.linalg.matrix_rank(active) == channels).sum())
    return whole / (INPUTS * MATRICES)


if __name__ == "__main__":
    torch.manual_seed(0)
    shares = {channels: [kept(channels, expansion) for expansion in EXPANSIONS] for channels in CHANNELS}
    for channels, marker in zip(CHANNELS, ["o-", "s--", "^:"], strict=True):
        plt.plot(EXPANSIONS, shares[channels], marker, label=f"{channels} channels")
    plt.xlabel("expansion")
    plt.ylabel("share of inputs that can be recovered")
    plt.legend()
    plt.savefig("mobilenet-v2-relu.svg")
    with Path("mobilenet-v2-relu.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[channels, *(f"{share:.2f}" for share in shares[channels])] for channels in CHANNELS]
        csv.writer(file).writerows([["channels", *(f"expansion {e:g}" for e in EXPANSIONS)], *rows])
    Path("mobilenet-v2-relu.json").write_text(json.dumps({"expansions": EXPANSIONS, "kept": shares}), encoding="utf-8")
    print(f"24 channels: expansion 1 keeps {shares[24][0]:.2f} of the inputs whole, expansion 6 {shares[24][-1]:.2f}")
