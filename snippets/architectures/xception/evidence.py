"""What each part of Xception holds and costs for an image of 299 by 299, and a picture of its middle block.

Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2016, figure 5
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.xception.from_scratch import Xception
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = Xception()
    save("xception", "Xception", stages(model, size=299))
    _, axes = plt.subplots(figsize=(4.5, 5))
    names = ["x: 728 channels", "ReLU", "3×3 depthwise, 728", "1×1 convolution, 728", "the last three twice more", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (0.9, 0), (0.1, -5), bend=-0.9)
    axes.set(xlim=(-2.2, 3.2), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("xception.svg")
