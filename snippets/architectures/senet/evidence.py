"""What each stage of SE-ResNet-50 holds and costs for an image of 224 by 224, and what its gates add to ResNet-50.

Source: Hu et al., "Squeeze-and-Excitation Networks", 2017, section 3 and table 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.architectures.senet.from_scratch import SEResNet, SqueezeExcite
from snippets.experiment import arrow, box, save, stages

REDUCTIONS = (4, 8, 16, 32)


def gates(reduction: int) -> dict[str, int]:
    """Parameters and multiply-adds of all gates; each weight multiplies once an image."""
    with torch.device("meta"):
        model = SEResNet(reduction=reduction)
    found = [module for module in model.modules() if isinstance(module, SqueezeExcite)]
    layers = [layer for gate in found for layer in gate.modules() if isinstance(layer, nn.Conv2d)]
    held = sum(parameter.numel() for gate in found for parameter in gate.parameters())
    return {"parameters": held, "multiply_adds": sum(layer.weight.numel() for layer in layers), "gates": len(found)}


def save_gates(rows: dict[str, dict[str, int]]) -> None:
    """The table of reductions, and its numbers beside those of the stages."""
    path = Path("senet.json")
    numbers = json.loads(path.read_text(encoding="utf-8"))
    without = {key: numbers[key] - rows["16"][key] for key in ("parameters", "multiply_adds")}
    path.write_text(json.dumps(numbers | {"gates": rows, "without": without}), encoding="utf-8")
    head = ["reduction", "parameters", "share of ResNet-50's", "multiply-adds", "share of ResNet-50's multiply-adds"]
    lines = [
        [
            reduction,
            f"{row['parameters']:,}",
            f"{row['parameters'] / without['parameters']:.1%}",
            f"{row['multiply_adds'] / 1e6:.1f} M",
            f"{row['multiply_adds'] / without['multiply_adds']:.2%}",
        ]
        for reduction, row in rows.items()
    ]
    with Path("senet-gates.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *lines])


if __name__ == "__main__":
    with torch.device("meta"):
        model = SEResNet()
    save("senet", "SE-ResNet-50", stages(model))
    save_gates({str(reduction): gates(reduction) for reduction in REDUCTIONS})
    _, axes = plt.subplots(figsize=(4.5, 5))
    for name, height in (
        ("x: 256 channels", 0),
        ("bottleneck, 256", -1),
        ("times the gate", -4.2),
        ("+", -5.2),
        ("ReLU", -6.2),
    ):
        box(axes, 0, height, name)
    for start, end in ((0, -1), (-1, -4.2), (-4.2, -5.2), (-5.2, -6.2)):
        arrow(axes, (0, start), (0, end))
    gate = ["mean of each channel", "linear layer, 16, ReLU", "linear layer, 256, sigmoid"]
    for place, name in enumerate(gate):
        box(axes, 2.6, -1.7 - 0.8 * place, name)
        if place:
            arrow(axes, (2.6, -0.9 - 0.8 * place), (2.6, -1.7 - 0.8 * place))
    arrow(axes, (0.9, -1), (2.4, -1.7))
    arrow(axes, (2.4, -3.3), (0.7, -4.2))
    arrow(axes, (-0.7, 0), (-0.1, -5.2), bend=0.6)
    axes.set(xlim=(-2.6, 4.6), ylim=(-6.7, 0.5))
    axes.set_axis_off()
    plt.savefig("senet.svg")
