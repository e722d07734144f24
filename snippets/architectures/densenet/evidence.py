"""What each block of DenseNet-121 holds and costs for an image of 224 by 224, and a picture of a dense block.

Source: Huang et al., "Densely Connected Convolutional Networks", 2016, table 1 and figure 1
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.densenet.from_scratch import DenseNet
from snippets.experiment import arrow, box, save, stages

SIZE = 224


if __name__ == "__main__":
    with torch.device("meta"):
        model = DenseNet()
    rows, x = stages(model), torch.empty(1, 3, SIZE, SIZE, device="meta")
    for name, part in model.named_children():  # a block ends with a concatenation, which is no module
        x = part(x)
        rows[name]["shape"] = list(x.shape[1:])
    save("densenet", "DenseNet-121", rows)
    _, axes = plt.subplots(figsize=(4.2, 5))
    names = ["x: 64 channels", "layer 1: 32 new", "layer 2: 32 new", "layer 3: 32 new", "160 channels"]
    for place, name in enumerate(names):
        box(axes, 0, -2 * place, name)
        for before in range(place):
            side = 1 if (place - before) % 2 else -1
            start = 0.0 if place == before + 1 else 0.75 * side
            arrow(axes, (start, -2 * before), (start, -2 * place), bend=-0.5 * side if start else 0.0)
    axes.set(xlim=(-3.4, 3.4), ylim=(-9, 1))
    axes.set_axis_off()
    plt.savefig("densenet.svg")
