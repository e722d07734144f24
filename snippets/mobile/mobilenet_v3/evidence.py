"""What each stage of MobileNetV3-Large holds and costs for an image of 224 by 224, and a picture of its block.

Source: Howard et al., "Searching for MobileNetV3", 2019, table 1 and figure 4
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.mobilenet_v3.from_scratch import MobileNetV3

if __name__ == "__main__":
    with torch.device("meta"):
        model = MobileNetV3()
    save("mobilenet-v3", "MobileNetV3-Large", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = [
        "x: 112 channels",
        "1×1 convolution, 672",
        "3×3 depthwise, 672",
        "squeeze: 672 factors",
        "1×1 convolution, 112",
        "+",
    ]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.1, 0), (0.1, -5), bend=-0.8)
    axes.set(xlim=(-2.2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mobilenet-v3.svg")
