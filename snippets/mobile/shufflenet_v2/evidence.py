"""What each stage of ShuffleNet V2 holds and costs for an image of 224 by 224, and a picture of its unit.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018,
table 5 and figure 3
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.shufflenet_v2.from_scratch import ShuffleNetV2

if __name__ == "__main__":
    with torch.device("meta"):
        model = ShuffleNetV2()
    save("shufflenet-v2", "ShuffleNet V2 1.0×", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = ["x: 116 channels", "1×1 convolution, 58, ReLU", "3×3 depthwise, 58", "1×1 convolution, 58, ReLU"]
    for place, name in enumerate(names):
        box(axes, 0.8 if place else 0, -place, name)
        if place > 1:
            arrow(axes, (0.8, 1 - place), (0.8, -place))
    box(axes, 0, -4, "join: 116 channels")
    box(axes, 0, -5, "channel shuffle")
    arrow(axes, (0.2, 0), (0.8, -1))
    arrow(axes, (0.8, -3), (0.2, -4))
    arrow(axes, (-0.2, 0), (-0.2, -4), bend=0.5)
    arrow(axes, (0, -4), (0, -5))
    axes.text(-1.6, -2, "58")
    axes.set(xlim=(-2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("shufflenet-v2.svg")
