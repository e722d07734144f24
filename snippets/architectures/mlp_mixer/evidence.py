"""What the parts of Mixer-B/16 hold and cost for an image of 224 by 224, and a picture of its block.

Source: Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", 2021, figure 1 and table 1
"""

import matplotlib.pyplot as plt
import torch

from snippets.architectures.mlp_mixer.from_scratch import MLPMixer
from snippets.experiment import Rows, Stages, arrow, box, save, stages


def parts(model: MLPMixer) -> Rows:
    """The stages, with the blocks' two kinds of layers apart; from the first block on, a place sees the whole image."""
    whole = stages(model)
    block = Stages(model.blocks[0])
    block.run(torch.empty(1, 196, 768, device="meta"))
    rows: Rows = {"stem": whole["stem"]}
    for name, children in (
        ("mixing patches", ("norm1", "mix_patches")),
        ("mixing channels", ("norm2", "mix_channels")),
    ):
        keys = ("parameters", "multiply_adds", "activations")
        rows[name] = {key: len(model.blocks) * sum(block.rows[child][key] for child in children) for key in keys}
        rows[name] |= {"shape": [196, 768], "field": 224}
    for name in ("norm", "head"):
        rows[name] = whole[name] | {"field": 224}
    return rows


if __name__ == "__main__":
    with torch.device("meta"):
        model = MLPMixer()
    save("mlp-mixer", "Mixer-B/16", parts(model))
    _, axes = plt.subplots(figsize=(4.5, 6))
    names = ["196 patches, 768 channels", "layer normalization", "over patches: 384, GELU, 196", "+"]
    names += ["layer normalization", "over channels: 3072, GELU, 768", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.5, 0), (0.1, -3), bend=-1.1)
    arrow(axes, (-0.1, -3), (-0.1, -6), bend=1.5)
    axes.set(xlim=(-3, 3), ylim=(-6.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mlp-mixer.svg")
