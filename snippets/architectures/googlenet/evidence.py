"""What each group of blocks of GoogLeNet holds and costs for an image of 224 by 224, and a picture of its block.

Source: Szegedy et al., "Going Deeper with Convolutions", 2014, table 1 and figure 2b
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.googlenet.from_scratch import GoogLeNet
from snippets.experiment import arrow, box, save, stages

SIZE = 224


if __name__ == "__main__":
    with torch.device("meta"):
        model = GoogLeNet()
    rows, x = stages(model), torch.empty(1, 3, SIZE, SIZE, device="meta")
    for name, part in model.named_children():  # a block ends with a concatenation, which is no module
        x = part(x)
        rows[name]["shape"] = list(x.shape[1:])
    save("googlenet", "GoogLeNet", rows)
    _, axes = plt.subplots(figsize=(5, 4.2))
    columns = {-0.3: ["1×1"], 2.2: ["1×1", "3×3"], 4.4: ["1×1", "5×5"], 6.6: ["pooling", "1×1"]}
    box(axes, 3.3, 0, "x")
    box(axes, 3.3, -3, "concatenation")
    for place, parts in columns.items():
        top = 3 - len(parts)
        for row, part_name in enumerate(parts, top):
            box(axes, place, -row, part_name)
        arrow(axes, (3.3, 0), (place, -top))
        if len(parts) > 1:
            arrow(axes, (place, -1), (place, -2))
        arrow(axes, (place, -2), (3.3, -3))
    axes.set(xlim=(-1.2, 7.8), ylim=(-3.5, 0.5))
    axes.set_axis_off()
    plt.savefig("googlenet.svg")
