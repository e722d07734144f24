"""Which steps reach the last output through four causal layers of kernel size 2, with and without dilation.

Source: van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016, figures 2 and 3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.nn import functional as F

STEPS = 20
STACKS = {"dilation 1, 1, 1, 1": [1, 1, 1, 1], "dilation 1, 2, 4, 8": [1, 2, 4, 8]}


def seen(dilations: list[int], steps: int = STEPS) -> list[list[bool]]:
    """For the input and each layer, which steps move the last output of the last layer, by gradients."""
    x = torch.ones(1, 1, steps, requires_grad=True)
    signals: list[Tensor] = [x]
    for dilation in dilations:
        signals.append(F.conv1d(F.pad(signals[-1], (dilation, 0)), torch.ones(1, 1, 2), dilation=dilation))
    gradients = torch.autograd.grad(signals[-1][0, 0, -1], signals)
    return [(gradient[0, 0] != 0).tolist() for gradient in gradients]


def draw(rows: list[list[bool]], dilations: list[int], axes: plt.Axes, title: str) -> None:
    """A row of dots for the input and each layer; full dots reach the last output, lines show how."""
    for layer, row in enumerate(rows):
        for t, reached in enumerate(row):
            axes.plot(t, layer, "o", color="C0", markersize=5, markerfacecolor="C0" if reached else "none")
            if layer and reached:
                for source in (t, t - dilations[layer - 1]):
                    if source >= 0:
                        axes.plot([source, t], [layer - 1, layer], "-", color="C1", linewidth=1)
    axes.set(title=title, xlabel="step", ylabel="layer", xticks=range(0, STEPS, 5), yticks=range(len(rows)))


def field(dilations: list[int]) -> int:
    """How many steps the last output sees."""
    return sum(seen(dilations, steps=sum(dilations) + 5)[0])


if __name__ == "__main__":
    rows = {name: seen(dilations) for name, dilations in STACKS.items()}
    _, panels = plt.subplots(2, 1, figsize=(5, 5), layout="constrained")
    for axes, (name, dilations) in zip(panels, STACKS.items(), strict=True):
        draw(rows[name], dilations, axes, name)
    plt.savefig("causal-convolution.svg")

    fields = {str(n): [field([1] * n), field([2**i for i in range(n)])] for n in (1, 2, 4, 6, 8, 10)}
    with Path("causal-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["layers", "steps seen, dilation 1", "steps seen, doubled dilation"]
        csv.writer(file).writerows([head, *([n, *counts] for n, counts in fields.items())])
    Path("causal-convolution.json").write_text(json.dumps({"rows": rows, "fields": fields}), encoding="utf-8")
    print(f"10 layers of kernel size 2 see {fields['10'][0]} steps, with doubled dilation {fields['10'][1]:,}")
