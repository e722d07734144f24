"""What each layer of LeNet-5 holds and costs, and what its features do when a digit is moved.

Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.lenet_5.use import LeNet5
from snippets.experiment import arrow, box, save, stages

SIZE, SHIFTS = 32, range(9)


def moved(part: nn.Module, jump: int, x: Tensor) -> list[float]:
    """For each shift: how far the features are from the moved features of the image in place, relative to their size.

    Args:
        part: layers that give the features.
        jump: pixels of the image from one feature to the next.
        x: images (batch, 1, height, width).
    """
    place, distances = part(x), []
    for shift in SHIFTS:
        steps = round(shift / jump)
        ours, expected = part(x.roll(shift, dims=3))[..., steps:], place[..., : place.shape[-1] - steps]
        distances.append(((ours - expected).norm() / (expected - expected.mean()).norm()).item())
    return distances


def diagram() -> None:
    """The layers, one below the other."""
    names = ["x: 1 channel"]
    for layer in LeNet5().modules():
        if isinstance(layer, nn.Conv2d):
            names.append(f"{layer.kernel_size[0]}×{layer.kernel_size[0]} convolution, {layer.out_channels}, ReLU")
        elif isinstance(layer, nn.MaxPool2d):
            names.append("max pooling, 2×2")
        elif isinstance(layer, nn.Linear):
            names.append(f"linear layer, {layer.out_features}" + (", ReLU" if layer.out_features > 10 else ""))
    _, axes = plt.subplots(figsize=(4.5, 5))
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    axes.set(xlim=(-2, 2), ylim=(0.5 - len(names), 0.5))
    axes.set_axis_off()
    plt.savefig("lenet-5-layers.svg")
    plt.close()
    with Path("lenet-5-layers.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["layer"], *([name] for name in names)])


if __name__ == "__main__":
    diagram()
    with torch.device("meta"):
        model = LeNet5()
    save("lenet-5", "LeNet-5", stages(model, SIZE, channels=1), small=True)
    digits = load_digits()
    images = torch.tensor(digits.images[:100], dtype=torch.float32).unsqueeze(1) / 16
    x = F.pad(F.interpolate(images, (20, 20), mode="bilinear"), (6, 6, 6, 6))  # room to move
    torch.manual_seed(0)
    model, results = LeNet5(), {}
    with torch.no_grad():
        for name, part, jump, style in (
            ("after the first pooling", model.c1, 2, "o-"),
            ("after the second pooling", nn.Sequential(model.c1, model.c3), 4, "s--"),
        ):
            results[name] = moved(part, jump, x)
            plt.plot(SHIFTS, results[name], style, label=name)
    plt.xlabel("shift to the right (pixels)")
    plt.ylabel("distance from the moved features")
    plt.ylim(-0.02, 0.6)  # room for the legend
    plt.legend()
    plt.savefig("lenet-5.svg")
    kept = json.loads(Path("lenet-5.json").read_text(encoding="utf-8"))
    Path("lenet-5.json").write_text(json.dumps({**kept, "shifted": results}), encoding="utf-8")
