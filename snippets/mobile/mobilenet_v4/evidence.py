"""What each stage of MobileNetV4-Conv-Small holds and costs for an image of 224 by 224, and a picture of its block.

Source: Qin et al., "MobileNetV4: Universal Models for the Mobile Ecosystem", 2024, section 3
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.mobilenet_v4.from_scratch import MobileNetV4

if __name__ == "__main__":
    with torch.device("meta"):
        model = MobileNetV4()
    save("mobilenet-v4", "MobileNetV4-Conv-S", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = [
        "x: 96 channels",
        "depthwise, 96, optional",
        "1×1 convolution, 384",
        "depthwise, 384, optional",
        "1×1 convolution, 96",
        "+",
    ]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (0.6, 0), (0.1, -5), bend=-0.9)
    axes.set(xlim=(-2.2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mobilenet-v4.svg")
