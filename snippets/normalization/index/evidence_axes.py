"""Which elements of a (batch, channel, height, width) tensor share statistics, for six layers of torch, by gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
from torch import Tensor, nn

from snippets.experiment import SHAPE, draw_reach, reach


class OverChannels(nn.Module):
    """Applies a layer that normalizes the last dimension to the channels, at each place on its own."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x.movedim(1, -1)).movedim(-1, 1)


LAYERS: dict[str, nn.Module] = {
    "batch normalization": nn.BatchNorm2d(6),
    "layer normalization, whole sample": nn.LayerNorm(SHAPE[1:]),
    "layer normalization, channels": OverChannels(nn.LayerNorm(6)),
    "RMS normalization, channels": OverChannels(nn.RMSNorm(6)),
    "group normalization, 2 groups": nn.GroupNorm(2, 6),
    "instance normalization": nn.InstanceNorm2d(6),
}


if __name__ == "__main__":
    found = {name: reach(layer) for name, layer in LAYERS.items()}
    _, panels = plt.subplots(3, 2, figsize=(8.4, 8), layout="constrained")
    for (name, reached), axes in zip(found.items(), panels.flat, strict=True):
        draw_reach(reached, axes, name)
        print(f"{name:34}{int(reached.sum()):4} of {reached.numel()} elements")
    plt.savefig("index-axes.svg")
    masks = {name: reached.int().tolist() for name, reached in found.items()}
    Path("index-axes.json").write_text(json.dumps(masks), encoding="utf-8")
