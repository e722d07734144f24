"""Which pixels fine and coarse outputs read, and what a layer costs for each share of coarse channels.

Source: Chen et al., "Drop an Octave: Reducing Spatial Redundancy in Convolutional Neural Networks with Octave
Convolution", 2019, section 3.2 and table 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.octave_convolution.use import OctaveConv2d

SHARES = [0.0, 0.125, 0.25, 0.5, 0.75]
CHANNELS, SIZE = 64, 32


def reads() -> dict[str, Tensor]:
    """How often each pixel reaches one fine and one coarse output in the middle, by gradients; every weight is 1."""
    layer = OctaveConv2d(2, 2, 3, 0.5, 0.5)
    nn.init.ones_(layer.conv.weight)
    fine = torch.zeros(1, 1, 12, 12, requires_grad=True)
    coarse = torch.zeros(1, 1, 6, 6, requires_grad=True)
    y, z = layer(fine, coarse)
    assert z is not None
    found = {}
    for name, output in (("a fine output", y[0, 0, 6, 6]), ("a coarse output", z[0, 0, 3, 3])):
        for other, gradient in zip(
            ("fine", "coarse"), torch.autograd.grad(output, (fine, coarse), retain_graph=True), strict=True
        ):
            found[f"{name}, {other} input"] = gradient[0, 0]
    return found


def cost(share: float) -> tuple[int, int]:
    """Multiply-adds of a layer, and the numbers that it returns, for one image."""
    coarse = int(share * CHANNELS)
    with torch.device("meta"):
        layer = OctaveConv2d(CHANNELS, CHANNELS, 3, share, share)
        fine = torch.empty(1, CHANNELS - coarse, SIZE, SIZE)
        small = torch.empty(1, coarse, SIZE // 2, SIZE // 2) if coarse else None
    with FlopCounterMode(display=False) as counter:
        y, z = layer(fine, small)
    return counter.get_total_flops() // 2, y.numel() + (0 if z is None else z.numel())


if __name__ == "__main__":
    found = reads()
    _, rows = plt.subplots(2, 2, figsize=(4.4, 4.6))
    for axes, (name, ways) in zip(rows.flat, found.items(), strict=True):
        axes.imshow((ways > 0).tolist(), cmap="Blues", vmin=0, vmax=1.5)
        for edge in range(len(ways) + 1):
            axes.axhline(edge - 0.5, linewidth=0.4)
            axes.axvline(edge - 0.5, linewidth=0.4)
        output, other = name.split(", ")
        axes.set_title(f"{output},\n{other}", fontsize=9)
        axes.set_axis_off()
    plt.tight_layout()
    plt.savefig("octave-convolution.svg")
    costs = {str(share): cost(share) for share in SHARES}
    whole = costs["0.0"]
    with Path("octave-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["share of coarse channels", "multiply-adds", "share of the multiply-adds", "share of the activations"]
        lines = [[s, f"{a / 1e6:.1f} M", f"{a / whole[0]:.0%}", f"{n / whole[1]:.0%}"] for s, (a, n) in costs.items()]
        csv.writer(file).writerows([head, *lines])
    numbers = {"reads": {name: ways.tolist() for name, ways in found.items()}, "costs": costs}
    Path("octave-convolution.json").write_text(json.dumps(numbers), encoding="utf-8")
    print(f"multiply-adds with a quarter of the channels coarse: {costs['0.25'][0] / whole[0]:.0%}")
