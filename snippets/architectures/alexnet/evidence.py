"""What each layer of AlexNet holds and costs for an image of 224 by 224, and its share of the whole.

Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.5
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.architectures.alexnet.from_scratch import AlexNet
from snippets.experiment import Stages, save, stages


class Layers(Stages):
    """Counts each layer with weights by itself; what follows it counts with it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.layer = ""

    def stage(self, target: str) -> str:
        """``convolution 3``, ``linear 1``: the last layer with weights so far."""
        module = self.fetch_attr(target)
        if isinstance(module, nn.Conv2d | nn.Linear):
            kind = "convolution" if isinstance(module, nn.Conv2d) else "linear"
            self.layer = f"{kind} {sum(kind in name for name in self.rows) + 1}"
        return self.layer


if __name__ == "__main__":
    with torch.device("meta"):
        model = AlexNet()
    rows = stages(model, count=Layers)
    save("alexnet", "AlexNet", rows)
    _, axes = plt.subplots(figsize=(5, 4))
    for offset, (key, hatch) in enumerate({"parameters": "", "multiply_adds": "///"}.items()):
        total = sum(row[key] for row in rows.values())
        places = [-place - 0.4 * offset for place in range(len(rows))]
        shares = [100 * row[key] / total for row in rows.values()]
        axes.barh(places, shares, height=0.38, hatch=hatch, label=key.replace("_", "-"), alpha=0.7)
    axes.set_yticks([-place - 0.2 for place in range(len(rows))], list(rows))
    axes.set_xlabel("% of the network")
    axes.legend()
    plt.savefig("alexnet.svg")
