"""Which elements of a (batch, channel, height, width) tensor share statistics in layer normalization, by its gradients.

Source: Ba et al., "Layer Normalization", 2016, section 3; Wu and He, "Group Normalization", 2018, figure 2.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
from torch import nn

from snippets.experiment import SHAPE, draw_reach, reach
from snippets.normalization.layer_normalization.use import LayerNorm2d

if __name__ == "__main__":
    layers = {"over the channels of a pixel": LayerNorm2d(SHAPE[1]), "over the whole sample": nn.LayerNorm(SHAPE[1:])}
    figure, both = plt.subplots(1, 2, figsize=(9, 2.7))
    found = {}
    for (title, layer), axes in zip(layers.items(), both, strict=True):
        reached = reach(layer)
        draw_reach(reached, axes, title)
        found[title] = reached.int().tolist()
        print(f"{title}: {int(reached.sum())} of {reached.numel()} elements share the statistics of the framed one.")
    plt.savefig("layer-normalization-axes.svg")
    Path("layer-normalization-axes.json").write_text(json.dumps(found))
