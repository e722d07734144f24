"""What each stage of GhostNet holds and costs for an image of 224 by 224, and a picture of its module.

Source: Han et al., "GhostNet: More Features from Cheap Operations", 2019, table 1 and figure 1
"""

from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import fx

from snippets.experiment import Stages, arrow, box, save, stages
from snippets.mobile.ghostnet.from_scratch import GhostNet


class Whole(Stages):
    """A stage's output is that of its last operation, which is an addition and no module."""

    def run_node(self, node: fx.Node) -> Any:
        """Run one operation, and note its shape."""
        out = super().run_node(node)
        if node.op == "call_function" and self.rows:
            list(self.rows.values())[-1]["shape"] = list(out.shape[1:])
        return out


if __name__ == "__main__":
    with torch.device("meta"):
        model = GhostNet()
    save("ghostnet", "GhostNet 1.0×", stages(model, count=Whole))
    _, axes = plt.subplots(figsize=(4.5, 4.5))
    box(axes, 0, 0, "x: 80 channels")
    box(axes, 0, -1, "1×1 convolution, 100")
    box(axes, 1, -2, "3×3 depthwise, 100")
    box(axes, 0, -3, "join: 200 channels")
    arrow(axes, (0, 0), (0, -1))
    arrow(axes, (0.2, -1), (1, -2))
    arrow(axes, (-0.6, -1), (-0.6, -3))
    arrow(axes, (1, -2), (0.2, -3))
    axes.set(xlim=(-1.6, 2.4), ylim=(-3.5, 0.5))
    axes.set_axis_off()
    plt.savefig("ghostnet.svg")
