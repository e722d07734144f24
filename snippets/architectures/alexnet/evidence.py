"""What each layer of AlexNet holds and costs for an image of 224 by 224, and its share of the whole.

Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.5
"""

import csv
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.architectures.alexnet.from_scratch import AlexNet
from snippets.experiment import Stages, arrow, box, save, stages


class Layers(Stages):
    """Counts each layer with weights by itself; what follows it counts with it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.layer = ""

    def stage(self, target: str) -> str:
        """``convolution 3``, ``linear 1``: the last layer with weights so far."""
        module = self.fetch_attr(target)
        if isinstance(module, nn.Conv2d | nn.Linear):
            kind = "convolution" if isinstance(module, nn.Conv2d) else "linear"
            self.layer = f"{kind} {sum(kind in name for name in self.rows) + 1}"
        return self.layer


def diagram() -> None:
    """The two towers of 2012, layer by layer; where both arrows leave a box, the next layer sees both towers."""
    model = AlexNet(paper=True)
    _, axes = plt.subplots(figsize=(5, 5.4))
    box(axes, 0, 0, "image")
    convs = [m for m in model.features if isinstance(m, nn.Conv2d)]
    for place, conv in enumerate(convs, start=1):
        side, half = conv.kernel_size[0], conv.out_channels // 2
        for tower in (-1, 1):
            box(axes, tower, -place, f"{side}×{side} convolution, {half}")
            if place == 1:
                arrow(axes, (0, 0), (tower, -1))
            elif conv.groups == 1:
                arrow(axes, (-1, 1 - place), (tower, -place))
                arrow(axes, (1, 1 - place), (tower, -place))
            else:
                arrow(axes, (tower, 1 - place), (tower, -place))
    for tower in (-1, 1):
        arrow(axes, (tower, -5), (0, -6))
    for place, layer in enumerate((m for m in model.head if isinstance(m, nn.Linear)), start=6):
        box(axes, 0, -place, f"linear layer, {layer.out_features}")
        if place > 6:
            arrow(axes, (0, 1 - place), (0, -place))
    axes.set(xlim=(-2.1, 2.1), ylim=(-8.5, 0.5))
    axes.set_axis_off()
    plt.savefig("alexnet-towers.svg")
    plt.close()
    with Path("alexnet-towers.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[f"convolution {n}", conv.out_channels, conv.groups] for n, conv in enumerate(convs, start=1)]
        csv.writer(file).writerows([["layer", "channels", "groups"], *lines])


if __name__ == "__main__":
    with torch.device("meta"):
        model = AlexNet()
        diagram()
    rows = stages(model, count=Layers)
    save("alexnet", "AlexNet", rows)
    _, axes = plt.subplots(figsize=(5, 4))
    for offset, (key, hatch) in enumerate({"parameters": "", "multiply_adds": "///"}.items()):
        total = sum(row[key] for row in rows.values())
        places = [-place - 0.4 * offset for place in range(len(rows))]
        shares = [100 * row[key] / total for row in rows.values()]
        axes.barh(places, shares, height=0.38, hatch=hatch, label=key.replace("_", "-"), alpha=0.7)
    axes.set_yticks([-place - 0.2 for place in range(len(rows))], list(rows))
    axes.set_xlabel("% of the network")
    axes.legend()
    plt.savefig("alexnet.svg")
