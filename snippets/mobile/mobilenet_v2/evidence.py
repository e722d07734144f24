"""What each stage of MobileNetV2 holds and costs for an image of 224 by 224, and a picture of its block.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018, tables 1 and 2
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.mobilenet_v2.from_scratch import MobileNetV2

if __name__ == "__main__":
    with torch.device("meta"):
        model = MobileNetV2()
    save("mobilenet-v2", "MobileNetV2", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5))
    names = ["x: 24 channels", "1×1 convolution, 144, ReLU6", "3×3 depthwise, 144, ReLU6", "1×1 convolution, 24", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.1, 0), (0.1, -4), bend=-0.8)
    axes.set(xlim=(-2.2, 3), ylim=(-4.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mobilenet-v2.svg")
