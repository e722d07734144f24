"""What each stage of ConvNeXt-T holds and costs for an image of 224 by 224, and a picture of its block.

Source: Liu et al., "A ConvNet for the 2020s", 2022, section 2 and table 9
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.convnext.from_scratch import ConvNeXt
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = ConvNeXt()
    save("convnext", "ConvNeXt-T", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = [
        "x: 96 channels",
        "7×7 depthwise, 96",
        "layer normalization",
        "linear layer, 384",
        "GELU",
        "linear layer, 96",
    ]
    names += ["times the scale", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (0.9, 0), (0.1, -7), bend=-0.6)
    axes.set(xlim=(-2.2, 3), ylim=(-7.5, 0.5))
    axes.set_axis_off()
    plt.savefig("convnext.svg")
