"""What each stage of WRN-50-2 holds and costs for an image of 224 by 224, and its block beside that of ResNet-50.

Source: Zagoruyko and Komodakis, "Wide Residual Networks", 2016, section 3.6
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.wide_resnet.from_scratch import WideResNet
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = WideResNet()
    save("wide-resnet", "WRN-50-2", stages(model))
    _, axes = plt.subplots(figsize=(5.2, 4.4))
    for x, (name, inner) in zip((0.0, 4.6), {"ResNet-50": 64, "WRN-50-2": 128}.items(), strict=True):
        axes.text(x, 0.7, name, ha="center", weight="bold")
        parts = [
            "x: 256 channels",
            f"1×1 convolution, {inner}",
            f"3×3 convolution, {inner}",
            "1×1 convolution, 256",
            "+",
        ]
        for place, part in enumerate(parts):
            box(axes, x, -place, part)
            if place:
                arrow(axes, (x, 1 - place), (x, -place))
        arrow(axes, (x + 0.8, 0), (x, -4), bend=-0.7)
    axes.set(xlim=(-1.6, 7), ylim=(-4.5, 1))
    axes.set_axis_off()
    plt.savefig("wide-resnet.svg")
