"""What each stage of ResNet-50 holds and costs for an image of 224 by 224, and a picture of its block.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015, table 1 and figure 5
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.resnet.from_scratch import ResNet
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = ResNet()
    save("resnet", "ResNet-50", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5))
    names = ["x: 256 channels", "1×1 convolution, 64", "3×3 convolution, 64", "1×1 convolution, 256", "+", "ReLU"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (0.6, 0), (0, -4), bend=-0.8)
    axes.set(xlim=(-2.2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("resnet.svg")
