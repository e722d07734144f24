"""What each level of U-Net holds and costs, a picture of it, and where the gradient of one output pixel arrives.

Source: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015, figure 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from snippets.architectures.u_net.from_scratch import UNet
from snippets.experiment import Stages, arrow, box, save, stages

SIZE = 572


class Levels(Stages):
    """Counts each level of the way down and of the way up by itself."""

    def stage(self, target: str) -> str:
        """``down.0``, ``bottom``, ``merge.0``."""
        return "bottom" if target.startswith("bottom") else ".".join(target.split(".")[:2])


def influence(with_skips: bool, size: int = 220) -> Tensor:
    """Mean size of an output pixel's gradient at each input pixel (size, size), of untrained networks."""
    total = torch.zeros(size, size)
    for seed in range(2):
        torch.manual_seed(seed)
        model = UNet(width=8)
        if not with_skips:
            for merge in model.merge:
                for name, weight in merge.named_parameters():
                    if name == "0.weight":
                        nn.init.zeros_(weight[:, : weight.shape[1] // 2].detach())
        x = torch.randn(1, 1, size, size, requires_grad=True)
        y = model(x)
        (slope,) = torch.autograd.grad(y[0, 0, y.shape[-2] // 2, y.shape[-1] // 2], x)
        total += slope[0, 0].abs() / slope.abs().sum()
    return total / 2


def diagram() -> None:
    """The U: levels from top to bottom, the way down at the left, the way up at the right."""
    _, axes = plt.subplots(figsize=(4.5, 4.5))
    for level, width in enumerate([64, 128, 256, 512]):
        box(axes, -1.6 + 0.3 * level, -level, f"{width}")
        box(axes, 1.6 - 0.3 * level, -level, f"{width}")
        arrow(axes, (-1.6 + 0.3 * level, -level), (1.6 - 0.3 * level, -level))
        arrow(axes, (-1.6 + 0.3 * level, -level), (-1.3 + 0.3 * level if level < 3 else 0, -level - 1))
        arrow(axes, (1.3 - 0.3 * level if level < 3 else 0, -level - 1), (1.6 - 0.3 * level, -level))
    box(axes, 0, -4, "1024")
    axes.text(0, 0.15, "skip", ha="center")
    axes.text(-1.7, -3, "max pooling", ha="center", va="center")
    axes.text(1.7, -3, "upsampling", ha="center", va="center")
    axes.set(xlim=(-2.4, 2.4), ylim=(-4.5, 0.6))
    axes.set_axis_off()
    plt.savefig("u-net.svg")
    plt.close()


if __name__ == "__main__":
    with torch.device("meta"):
        model = UNet()
    rows = stages(model, SIZE, channels=1, count=Levels)
    save("u-net", "U-Net", {level: row for level, row in rows.items() if row["parameters"]})
    diagram()
    shares = {}
    for with_skips, style in ((True, "-"), (False, "--")):
        gradient = influence(with_skips)
        middle, sizes = gradient.shape[0] // 2, list(range(1, 101, 3))
        within = [gradient[middle - r : middle + r + 1, middle - r : middle + r + 1].sum().item() for r in sizes]
        name = "with skips" if with_skips else "without skips"
        shares[name] = dict(zip([2 * r + 1 for r in sizes], within, strict=True))
        plt.plot([2 * r + 1 for r in sizes], within, style, label=name)
    plt.xlabel("side of a square of input pixels around the output pixel")
    plt.ylabel("share of the gradient inside")
    plt.legend()
    plt.savefig("u-net-influence.svg")
    with Path("u-net-influence.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[side, *(f"{share[side]:.3f}" for share in shares.values())] for side in shares["with skips"]]
        csv.writer(file).writerows([["side", *shares], *lines])
    kept = json.loads(Path("u-net.json").read_text(encoding="utf-8"))
    Path("u-net.json").write_text(json.dumps({**kept, "influence": shares}), encoding="utf-8")
    for name, share in shares.items():
        print(f"{name}: {share[15]:.2f} of the gradient is within 15 by 15 pixels")
