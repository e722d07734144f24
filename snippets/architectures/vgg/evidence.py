"""What each stage of VGG-16 holds and costs for an image of 224 by 224, and how much of a signal leaves each layer.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, table 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.architectures.vgg.from_scratch import CONVS, VGG, WIDTHS, stage
from snippets.experiment import Stages, arrow, box, save, stages


class Numbered(Stages):
    """Counts each of the network's numbered stages by itself."""

    def stage(self, target: str) -> str:
        """``stage 1``, ``head``."""
        name = target.removeprefix("stages.").partition(".")[0]
        return f"stage {int(name) + 1}" if name.isdigit() else name


def diagram() -> None:
    """Stages as boxes, as wide as their images, each with its number of convolutions and channels."""
    _, axes = plt.subplots(figsize=(4.5, 3.6))
    for place, (width, convs) in enumerate(zip(WIDTHS, CONVS[16], strict=True)):
        axes.barh(-place, 224 / 2**place, color="C0", alpha=0.4)
        axes.text(114, -place, f"{convs} convolutions, {width} channels", va="center", ha="center")
    axes.set_yticks([-place for place in range(5)], [str(224 // 2**place) for place in range(5)])
    axes.set(xlim=(0, 228), ylabel="pixels a side")
    axes.set_xticks([])
    plt.savefig("vgg.svg")
    plt.close()


def block(channels: int = 128, width: int = 256, convs: int = 3) -> None:
    """The layers of one stage, the third of VGG-16."""
    _, axes = plt.subplots(figsize=(4.5, 4))
    names = [f"x: {channels} channels"]
    for layer in stage(channels, width, convs, norm=False):
        if isinstance(layer, nn.Conv2d):
            names.append(f"{layer.kernel_size[0]}×{layer.kernel_size[0]} convolution, {layer.out_channels}, ReLU")
        elif isinstance(layer, nn.MaxPool2d):
            names.append("max pooling, 2×2")
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    axes.set(xlim=(-2, 2), ylim=(0.5 - len(names), 0.5))
    axes.set_axis_off()
    plt.savefig("vgg-stage.svg")
    plt.close()
    with Path("vgg-stage.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["layer"], *([name] for name in names)])


def signal(init: str, depth: int = 19) -> list[float]:
    """By how much two random images still differ after each convolution: root mean square, after the ReLU."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 32, 32)
    sizes = []
    for channels, width, convs in zip((3, *WIDTHS), WIDTHS, CONVS[depth], strict=False):
        for layer in stage(channels, width, convs, norm=False):
            if isinstance(layer, nn.Conv2d) and init == "Kaiming":
                nn.init.normal_(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                sizes.append((x[0] - x[1]).square().mean().sqrt().item())
    return sizes


if __name__ == "__main__":
    with torch.device("meta"):
        model = VGG()
        block()
    save("vgg", "VGG-16", stages(model, count=Numbered))
    diagram()
    sizes = {}
    with torch.no_grad():
        for init, style in (("Kaiming", "o-"), ("torch's default", "s--")):
            sizes[init] = signal(init)
            plt.semilogy(range(1, 17), sizes[init], style, label=init)
    plt.xlabel("convolution")
    plt.ylabel("difference of two images")
    plt.legend()
    plt.savefig("vgg-signal.svg")
    with Path("vgg-signal.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[n, *(f"{size[n - 1]:.1e}" for size in sizes.values())] for n in range(1, 17)]
        csv.writer(file).writerows([["convolution", *sizes], *lines])
    kept = json.loads(Path("vgg.json").read_text(encoding="utf-8"))
    Path("vgg.json").write_text(json.dumps({**kept, "signal": sizes}), encoding="utf-8")
    for init, size in sizes.items():
        print(f"difference of two images after 16 convolutions, {init}: {size[-1]:.0e}")
