"""What each part of Network in Network holds and costs for an image of 32 by 32, and a picture of its layer.

Source: Lin et al., "Network In Network", 2013, figure 2
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.network_in_network.from_scratch import NetworkInNetwork
from snippets.experiment import arrow, box, save, stages

if __name__ == "__main__":
    with torch.device("meta"):
        model = NetworkInNetwork()
    save("network-in-network", "NiN for CIFAR-10", stages(model, 32))
    _, axes = plt.subplots(figsize=(4.5, 3.6))
    for place, name in enumerate(
        ["x: 96 channels", "5×5 convolution, 192", "1×1 convolution, 192", "1×1 convolution, 192"]
    ):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    axes.set(xlim=(-1, 1), ylim=(-3.5, 0.5))
    axes.set_axis_off()
    plt.savefig("network-in-network.svg")
