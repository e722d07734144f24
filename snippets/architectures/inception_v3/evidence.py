"""What each part of Inception v3 holds and costs for an image of 299 by 299, and a picture of its middle blocks.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, table 1 and figure 6
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.inception_v3.from_scratch import InceptionV3
from snippets.experiment import arrow, box, save, stages

SIZE = 299


if __name__ == "__main__":
    with torch.device("meta"):
        model = InceptionV3()
    rows, x = stages(model, SIZE), torch.empty(1, 3, SIZE, SIZE, device="meta")
    for name, part in model.named_children():  # a block ends with a concatenation, which is no module
        x = part(x)
        rows[name]["shape"] = list(x.shape[1:])
    save("inception-v3", "Inception v3", rows)
    _, axes = plt.subplots(figsize=(5, 5.6))
    columns = {
        -0.3: ["1×1", "7×1", "1×7", "7×1", "1×7"],
        2.2: ["1×1", "1×7", "7×1"],
        4.4: ["pooling", "1×1"],
        6.9: ["1×1"],
    }
    box(axes, 3.3, 0, "x")
    box(axes, 3.3, -6, "concatenation")
    for place, parts in columns.items():
        top = 6 - len(parts)
        for row, part_name in enumerate(parts, top):
            box(axes, place, -row, part_name)
            if row > top:
                arrow(axes, (place, 1 - row), (place, -row))
        arrow(axes, (3.3, 0), (place, -top))
        arrow(axes, (place, -5), (3.3, -6))
    axes.set(xlim=(-1.2, 8), ylim=(-6.5, 0.5))
    axes.set_axis_off()
    plt.savefig("inception-v3.svg")
