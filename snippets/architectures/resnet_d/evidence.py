"""What each stage of ResNet-50-D holds and costs, and which pixels the first block of a stage sees in each variant.

Source: He et al., "Bag of Tricks for Image Classification with Convolutional Neural Networks", 2018, section 4
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from snippets.architectures.resnet_d.from_scratch import Bottleneck, ResNetD, conv_norm
from snippets.experiment import arrow, box, save, stages

SIZE = 12


def seen(part: nn.Module) -> Tensor:
    """For each pixel of a map, the size of the gradient that it gets from all outputs of a block's part."""
    torch.manual_seed(0)
    x = torch.randn(16, 64, SIZE, SIZE, requires_grad=True)
    y = part.eval()(x)
    (y * torch.randn_like(y)).sum().backward()
    assert x.grad is not None
    return x.grad.square().mean(dim=(0, 1)).sqrt()


def variants() -> dict[str, dict[str, Tensor]]:
    """Variant -> what the branch and the shortcut of a block with stride 2 see."""
    torch.manual_seed(0)
    shortcut, ours = nn.Sequential(*conv_norm(64, 128, 1, 2)), Bottleneck(64, 32, 2)
    branches = {}
    for name, first, second in (("A, the paper's", 2, 1), ("B, torchvision's", 1, 2)):
        layers = [*conv_norm(64, 32, 1, first), nn.ReLU(), *conv_norm(32, 32, 3, second), nn.ReLU()]
        branches[name] = nn.Sequential(*layers, *conv_norm(32, 128, 1))
    found = {name: {"branch": seen(branch), "shortcut": seen(shortcut)} for name, branch in branches.items()}
    return found | {"D": {"branch": seen(ours.branch), "shortcut": seen(ours.shortcut)}}


def save_seen(found: dict[str, dict[str, Tensor]]) -> None:
    """Shares of pixels as a table, and beside the stages' numbers."""
    shares = {v: {part: (m > 1e-6).float().mean().item() for part, m in row.items()} for v, row in found.items()}
    lines = [[variant, *(f"{share:.0%}" for share in row.values())] for variant, row in shares.items()]
    with Path("resnet-d-seen.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["variant", "pixels in the branch", "pixels in the shortcut"], *lines])
    path = Path("resnet-d.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seen": shares}), encoding="utf-8")


def draw(found: dict[str, dict[str, Tensor]]) -> None:
    """The block with its shortcut, and the shortcuts' gradients as maps."""
    _, axes = plt.subplots(figsize=(4.5, 4.5))
    for x, names in ((-1.3, ["1×1, 128", "3×3, 128, stride 2", "1×1, 512"]), (1.5, ["mean of 2×2", "1×1, 512"])):
        heights = [-1, -2, -3] if len(names) == 3 else [-1.5, -2.5]
        for name, height, before in zip(names, heights, [0, *heights], strict=False):
            box(axes, x, height, name)
            arrow(axes, (x if height != heights[0] else 0, before), (x, height))
        arrow(axes, (x, heights[-1]), (0, -4))
    for height, name in ((0, "x: 256 channels"), (-4, "+")):
        box(axes, 0, height, name)
    axes.set(xlim=(-2.8, 2.8), ylim=(-4.5, 0.5))
    axes.set_axis_off()
    plt.savefig("resnet-d.svg")
    _, both = plt.subplots(1, 2, figsize=(5, 2.6))
    for panel, variant in zip(both, ("B, torchvision's", "D"), strict=True):
        panel.imshow(found[variant]["shortcut"].tolist(), cmap="Blues", vmin=0)
        panel.set(title=f"shortcut of {variant[0]}", xticks=[], yticks=[])
    plt.savefig("resnet-d-seen.svg")


if __name__ == "__main__":
    with torch.device("meta"):
        model = ResNetD()
    save("resnet-d", "ResNet-50-D", stages(model))
    found = variants()
    save_seen(found)
    draw(found)
