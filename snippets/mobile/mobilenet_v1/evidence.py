"""What each stage of MobileNet v1 holds and costs for an image of 224 by 224, and a picture of its block.

Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
table 1
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.mobilenet_v1.from_scratch import MobileNetV1

if __name__ == "__main__":
    with torch.device("meta"):
        model = MobileNetV1()
    save("mobilenet-v1", "MobileNet v1", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 4))
    names = ["x: 512 channels", "3×3 depthwise, 512, ReLU6", "1×1 convolution, 512, ReLU6"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    axes.set(xlim=(-2, 2), ylim=(-2.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mobilenet-v1.svg")
