"""What each stage of MixNet-S holds and costs for an image of 224 by 224, and a picture of its last block.

Source: Tan and Le, "MixConv: Mixed Depthwise Convolutional Kernels", 2019, section 2
"""

import matplotlib.pyplot as plt
import torch

from snippets.experiment import arrow, box, save, stages
from snippets.mobile.mixnet.from_scratch import MixNet

if __name__ == "__main__":
    with torch.device("meta"):
        model = MixNet()
    save("mixnet", "MixNet-S", stages(model))
    _, axes = plt.subplots(figsize=(4.8, 5.5))
    box(axes, 0, 0, "x: 200 channels")
    box(axes, 0, -1, "1×1 convolution, 1200")
    arrow(axes, (0, 0), (0, -1))
    for kernel, place in zip((3, 5, 7, 9), (-1.5, -0.5, 0.5, 1.5), strict=True):
        box(axes, place, -2.2, f"{kernel}×{kernel}\n300")
        arrow(axes, (0, -1), (place, -2.2))
        arrow(axes, (place, -2.2), (0, -3.4))
    box(axes, 0, -3.4, "squeeze: 1200 factors")
    for place in (-0.8, 0.8):
        box(axes, place, -4.5, "1×1\n600 to 100")
        arrow(axes, (0, -3.4), (place, -4.5))
        arrow(axes, (place, -4.5), (0, -5.5))
    box(axes, 0, -5.5, "+")
    arrow(axes, (0.8, 0), (0.1, -5.5), bend=-0.75)
    axes.set(xlim=(-2.2, 3.3), ylim=(-6, 0.5))
    axes.set_axis_off()
    plt.savefig("mixnet.svg")
