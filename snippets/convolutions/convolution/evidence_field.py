"""How many pixels an output of a deep stack spans, and how many it really listens to, measured by gradients.

Source: Luo et al., "Understanding the Effective Receptive Field in Deep Convolutional Neural Networks", 2017
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

DEPTHS, CHANNELS, SEEDS, SHARE = [1, 2, 5, 10, 20, 40], 32, 8, 0.95


def energy(depth: int) -> Tensor:
    """Squared gradient of the middle output by place of the input, (2 * depth + 1,), mean over seeds."""
    total = torch.zeros(2 * depth + 1)
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for _ in range(depth):
            conv = nn.Conv1d(CHANNELS, CHANNELS, 3, bias=False)
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            layers += [conv, nn.ReLU()]
        x = torch.randn(1, CHANNELS, 2 * depth + 1, requires_grad=True)
        nn.Sequential(*layers)(x).sum().backward()
        assert x.grad is not None
        total += x.grad.square().sum(dim=(0, 1)) / x.grad.square().sum()
    return total / SEEDS


def width(energies: Tensor, share: float = SHARE) -> int:
    """The narrowest symmetric window around the middle that holds the share."""
    middle = len(energies) // 2
    return next(2 * r + 1 for r in range(middle + 1) if energies[middle - r : middle + r + 1].sum() >= share - 1e-6)


if __name__ == "__main__":
    results = {str(depth): energy(depth).tolist() for depth in DEPTHS}
    spans, widths = [2 * depth + 1 for depth in DEPTHS], [width(torch.tensor(e)) for e in results.values()]
    plt.plot(DEPTHS, spans, "s--", label="all pixels that reach the output")
    plt.plot(DEPTHS, widths, "o-", label="95% of the squared gradient")
    plt.xlabel("layers with kernel 3")
    plt.ylabel("pixels")
    plt.legend()
    plt.savefig("convolution-field.svg")
    with Path("convolution-field.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["layers with kernel 3", "all pixels that reach the output", "95% of the squared gradient"]
        csv.writer(file).writerows([head, *zip(DEPTHS, spans, widths, strict=True)])
    Path("convolution-field.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"of {spans[-1]} pixels, {widths[-1]} hold 95% of the squared gradient")
