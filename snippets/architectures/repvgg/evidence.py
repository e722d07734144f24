"""What each stage of RepVGG-A0 holds and costs for an image of 224 by 224, in training and afterwards.

Source: Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", 2021, section 3
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from snippets.architectures.repvgg.from_scratch import RepVGG, fused
from snippets.experiment import arrow, box, save, stages


def draw() -> None:
    """The block in training and after training."""
    _, axes = plt.subplots(figsize=(5, 4.5))
    for x, name in ((-2.6, "3×3"), (-1.1, "1×1"), (0.4, "identity")):
        box(axes, x, -1, name)
        box(axes, x, -2, "norm")
        arrow(axes, (-1.1, 0), (x, -1))
        arrow(axes, (x, -1), (x, -2))
        arrow(axes, (x, -2), (-1.1, -3))
    arrow(axes, (-1.1, -3), (-1.1, -4))
    for x, y, name in ((-1.1, 0, "in training"), (-1.1, -3, "+"), (-1.1, -4, "ReLU"), (2.4, 0, "afterwards")):
        box(axes, x, y, name)
    for y, name in ((-2, "3×3 with bias"), (-4, "ReLU")):
        box(axes, 2.4, y, name)
        arrow(axes, (2.4, y + 2), (2.4, y))
    axes.set(xlim=(-3.3, 3.6), ylim=(-4.5, 0.5))
    axes.set_axis_off()
    plt.savefig("repvgg.svg")


if __name__ == "__main__":
    with torch.device("meta"):
        model = RepVGG()
        training, single = stages(model), stages(fused(model))
    save("repvgg", "RepVGG-A0", single)
    path = Path("repvgg.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"training": training}), encoding="utf-8")
    draw()
