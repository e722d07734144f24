"""Which share of its input each of 54 blocks passes on by its skip connection, with and without a ReLU after the sum.

Source: He et al., "Identity Mappings in Deep Residual Networks", 2016, section 2, equation 5
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

BLOCKS, WIDTH, SEEDS = 54, 16, 5


def block(pre: bool) -> nn.Sequential:
    """The branch of a block, in the order of ResNetV2 or of ResNet."""
    layers: list[nn.Module] = []
    for _ in range(2):
        convolution, norm = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH)
        nn.init.kaiming_normal_(convolution.weight)
        layers += [norm, nn.ReLU(), convolution] if pre else [convolution, norm, nn.ReLU()]
    return nn.Sequential(*(layers if pre else layers[:-1]))


def kept(pre: bool, seed: int) -> list[float]:
    """For each block: the share of its input that the output of the last block still holds as it is.

    The branches are cut off from the gradient, so that what is left is what the skip connections pass on.
    """
    torch.manual_seed(seed)
    x = torch.randn(4, WIDTH, 4, 4)  # (batch, channels, height, width)
    inputs: list[Tensor] = []
    for _ in range(BLOCKS):
        x.requires_grad_() if not inputs else x.retain_grad()
        inputs.append(x)
        x = x + block(pre)(x.detach())
        x = x if pre else x.relu()
    x.sum().backward()
    shares: list[Tensor | None] = [value.grad for value in inputs]
    return [share.mean().item() for share in shares if share is not None]


if __name__ == "__main__":
    results = {
        "ResNet": [kept(False, seed) for seed in range(SEEDS)],
        "ResNetV2": [kept(True, seed) for seed in range(SEEDS)],
    }
    rows = []
    for (name, runs), style in zip(results.items(), ("s--", "o-"), strict=True):
        means = torch.tensor(runs).mean(dim=0).tolist()
        plt.plot(range(1, BLOCKS + 1), means, style, label=name, markersize=3)
        rows.append([name, *(f"{means[place - 1]:.2f}" for place in (1, 27, 54))])
    plt.xlabel("block, of 54")
    plt.ylabel("share of its input that is passed on to the end")
    plt.legend()
    plt.savefig("resnet-v2-gradient.svg")
    with Path("resnet-v2-gradient.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["network", "block 1", "block 27", "block 54"], *rows])
    Path("resnet-v2-gradient.json").write_text(json.dumps(results))
    print(f"share of the first block's input at the end: {rows[0][1]} in ResNet, {rows[1][1]} in ResNetV2")
