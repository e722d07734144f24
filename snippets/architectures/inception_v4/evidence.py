"""What each part of Inception v4 holds and costs for an image of 299 by 299, and a picture of a scaled residual.

Source: Szegedy et al., "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", 2016,
figures 9 and 16
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.inception_v4.from_scratch import InceptionV4
from snippets.experiment import arrow, box, save, stages

SIZE = 299

if __name__ == "__main__":
    with torch.device("meta"):
        model = InceptionV4()
    rows, x = stages(model, SIZE), torch.empty(1, 3, SIZE, SIZE, device="meta")
    for name, part in model.named_children():  # a block ends with a concatenation, which is no module
        x = part(x)
        rows[name]["shape"] = list(x.shape[1:])
    save("inception-v4", "Inception v4", rows)
    _, axes = plt.subplots(figsize=(5, 5.6))
    box(axes, 2, 0, "x: 320 channels")
    for place, names in {0: ["1×1, 32"], 2: ["1×1, 32", "3×3, 32"], 4: ["1×1, 32", "3×3, 48", "3×3, 64"]}.items():
        top = 4 - len(names)
        for row, part_name in enumerate(names, top):
            box(axes, place, -row, part_name)
            if row > top:
                arrow(axes, (place, 1 - row), (place, -row))
        arrow(axes, (2, 0), (place, -top))
        arrow(axes, (place, -3), (2, -4))
    for row, part_name in enumerate(["1×1, 320", "times 0.17", "+", "ReLU"], 4):
        box(axes, 2, -row, part_name)
        if row > 4:
            arrow(axes, (2, 1 - row), (2, -row))
    arrow(axes, (2.9, 0), (2.1, -6), bend=-1.3)
    axes.set(xlim=(-0.8, 7), ylim=(-7.5, 0.5))
    axes.set_axis_off()
    plt.savefig("inception-v4.svg")
