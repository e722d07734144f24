"""What each stage of ConvNeXt V2-T holds and costs for an image of 224 by 224, and a picture of its block.

Source: Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023, figure 5 and A.1
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.convnext_v2.from_scratch import ConvNeXtV2
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = ConvNeXtV2()
    save("convnext-v2", "ConvNeXt V2-T", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = ["x: 96 channels", "7×7 depthwise, 96", "layer normalization", "linear layer, 384", "GELU"]
    names += ["global response normalization", "linear layer, 96", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (0.9, 0), (0.1, -7), bend=-0.8)
    axes.set(xlim=(-2.2, 3.4), ylim=(-7.5, 0.5))
    axes.set_axis_off()
    plt.savefig("convnext-v2.svg")
