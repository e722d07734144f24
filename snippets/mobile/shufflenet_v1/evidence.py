"""What each stage of ShuffleNet v1 holds and costs for an image of 224 by 224, and a picture of its unit.

Source: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017,
table 1 and figure 2
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.shufflenet_v1.from_scratch import ShuffleNetV1

if __name__ == "__main__":
    with torch.device("meta"):
        model = ShuffleNetV1()
    save("shufflenet-v1", "ShuffleNet v1 1.0×, 3 groups", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = ["x: 240 channels", "1×1 convolution, 60, 3 groups", "channel shuffle", "3×3 depthwise, 60"]
    names += ["1×1 convolution, 240, 3 groups", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.1, 0), (0.1, -5), bend=-0.8)
    axes.set(xlim=(-2.2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("shufflenet-v1.svg")
