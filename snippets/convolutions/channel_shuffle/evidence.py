"""Which input channels each output of grouped 1 × 1 convolutions sees, with and without a shuffle, by gradients.

Source: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017,
figure 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.autograd.functional import jacobian

CHANNELS, GROUPS = 24, [2, 3, 4, 6, 8, 12]


def layers(groups: int, shuffle: bool) -> nn.Sequential:
    """Two grouped layers with weights of 1."""
    first, second = (nn.Conv2d(CHANNELS, CHANNELS, 1, groups=groups, bias=False) for _ in range(2))
    return nn.Sequential(first, nn.ChannelShuffle(groups) if shuffle else nn.Identity(), second)


def seen(model: nn.Module) -> Tensor:
    """(outputs, inputs) of bool."""
    for p in model.parameters():
        nn.init.ones_(p)
    moved = jacobian(model, torch.zeros(1, CHANNELS, 1, 1))
    return moved.squeeze() != 0


if __name__ == "__main__":
    results: dict[str, dict] = {}
    for groups in GROUPS:
        without, shuffled = (seen(layers(groups, shuffle)) for shuffle in (False, True))
        results[str(groups)] = {"without": without.int().tolist(), "shuffled": shuffled.int().tolist()}
    _, panels = plt.subplots(1, 3, figsize=(6, 2.6))
    for axes, (key, how) in zip(panels, [("4", "without"), ("4", "shuffled"), ("8", "shuffled")], strict=True):
        axes.imshow(results[key][how], cmap="Blues", vmin=0, vmax=1.5)
        axes.set(title=f"{key} groups, {how}" if how == "shuffled" else f"{key} groups", xlabel="input")
    panels[0].set_ylabel("output")
    plt.tight_layout()
    plt.savefig("channel-shuffle.svg")
    table = []
    for groups in GROUPS:
        shares = [torch.tensor(results[str(groups)][how]).float().mean().item() for how in ("without", "shuffled")]
        table.append([groups, *(f"{share:.0%}" for share in shares), f"{2 / groups:.0%}"])
    with Path("channel-shuffle.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["groups", "inputs seen without shuffle", "with shuffle", "weights, in parts of one dense layer"]
        csv.writer(file).writerows([head, *table])
    Path("channel-shuffle.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"inputs seen with a shuffle: {[row[2] for row in table]}")
