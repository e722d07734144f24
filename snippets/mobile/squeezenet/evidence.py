"""What each stage of SqueezeNet 1.0 holds and costs for an image of 224 by 224, and a picture of its module.

Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016,
table 1
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.squeezenet.from_scratch import SqueezeNet

if __name__ == "__main__":
    with torch.device("meta"):
        model = SqueezeNet()
    save("squeezenet", "SqueezeNet 1.0", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 4))
    places: dict[str, tuple[float, float]] = {
        "x: 128 channels": (0, 0),
        "1×1 convolution, 16": (0, -1),
        "join: 128 channels": (0, -3),
    }
    places |= {"1×1 convolution, 64": (-1.2, -2), "3×3 convolution, 64": (1.2, -2)}
    for name, (x, y) in places.items():
        box(axes, x, y, name)
    arrow(axes, (0, 0), (0, -1))
    for side in (-1.2, 1.2):
        arrow(axes, (0, -1), (side, -2))
        arrow(axes, (side, -2), (0, -3))
    axes.set(xlim=(-2.4, 2.4), ylim=(-3.5, 0.5))
    axes.set_axis_off()
    plt.savefig("squeezenet.svg")
