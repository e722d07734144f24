"""What each stage of MnasNet-B1 holds and costs for an image of 224 by 224, and a picture of two of its blocks.

Source: Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", 2018, figure 7
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.mnasnet.from_scratch import MnasNet

if __name__ == "__main__":
    with torch.device("meta"):
        model = MnasNet()
    save("mnasnet", "MnasNet-B1", stages(model))
    _, axes = plt.subplots(figsize=(5.5, 5))
    blocks = {
        -2.8: ["x: 24 channels", "1×1, 72", "3×3 depthwise, 72", "1×1, 24", "+"],
        2.8: ["x: 80 channels", "1×1, 480", "5×5 depthwise, 480", "1×1, 80", "+"],
    }
    for x, names in blocks.items():
        for place, name in enumerate(names):
            box(axes, x, -place, name)
            if place:
                arrow(axes, (x, 1 - place), (x, -place))
        arrow(axes, (x + 0.9, 0), (x + 0.1, -4), bend=-0.75)
    axes.set(xlim=(-4.4, 6.4), ylim=(-4.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mnasnet.svg")
