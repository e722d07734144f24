"""What each stage of ResNetV2-50 holds and costs for an image of 224 by 224, and both orders of a residual block.

Source: He et al., "Identity Mappings in Deep Residual Networks", 2016, figures 1 and 4
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.resnet_v2.from_scratch import ResNetV2
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = ResNetV2()
    save("resnet-v2", "ResNetV2-50", stages(model))
    _, axes = plt.subplots(figsize=(4.8, 5.2))
    orders = {
        "ResNet": ["convolution", "normalization", "ReLU", "convolution", "normalization", "+", "ReLU"],
        "ResNetV2": ["normalization", "ReLU", "convolution", "normalization", "ReLU", "convolution", "+"],
    }
    for x, (name, parts) in zip((0.0, 3.4), orders.items(), strict=True):
        axes.text(x, 0.9, name, ha="center", weight="bold")
        for place, part in enumerate(parts):
            box(axes, x, -place, part)
            arrow(axes, (x, 1 - place), (x, -place))
        arrow(axes, (x, 0.7), (x, -parts.index("+")), bend=-0.75)
    axes.set(xlim=(-1.2, 5.6), ylim=(-6.5, 1.3))
    axes.set_axis_off()
    plt.savefig("resnet-v2.svg")
