"""How a hole closes layer by layer, and how well three ways to fill a hole keep the outputs beside it.

Source: Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", 2018, section 3.1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

from snippets.convolutions.partial_convolution.use import PartialConv2d


def closing(mask: Tensor, layers: int) -> list[Tensor]:
    """The mask before and after each of so many 3×3 layers."""
    masks, x = [mask], torch.zeros_like(mask)
    conv = PartialConv2d(1, 1, 3, padding=1)
    with torch.no_grad():
        for _ in range(layers):
            x, mask = conv(x, mask)
            masks.append(mask)
    return masks


def errors(x: Tensor, mask: Tensor, weight: Tensor) -> dict[str, tuple[float, float]]:
    """Way to fill -> root mean square and mean error of the outputs beside the hole, relative to the intact image's."""
    conv = PartialConv2d(1, len(weight), 3, padding=1, bias=False)
    conv.weight = torch.nn.Parameter(weight)
    intact = F.conv2d(x, weight, padding=1)
    count = F.conv2d(mask, torch.ones(1, 1, 3, 3), padding=1)
    inside = F.pad(torch.ones_like(mask)[..., 1:-1, 1:-1], (1, 1, 1, 1))
    ring = ((count < 9) & (mask > 0) & (inside > 0)).expand_as(intact)
    with torch.no_grad():
        outputs = {
            "zeros": F.conv2d(x * mask, weight, padding=1),
            "mean of all images": F.conv2d(torch.where(mask > 0, x, x.mean()), weight, padding=1),
            "partial convolution": conv(x, mask)[0],
        }
    size, level = intact[ring].square().mean().sqrt(), intact[ring].abs().mean()
    return {
        name: (((y - intact)[ring].square().mean().sqrt() / size).item(), ((y - intact)[ring].mean() / level).item())
        for name, y in outputs.items()
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(24.0), torch.arange(24.0), indexing="ij")
    scratch = ((rows - columns).abs() < 2) & (rows > 3)
    hole = scratch | ((rows - 8) ** 2 + (columns - 16) ** 2 < 30)
    masks = closing((~hole).float()[None, None], 4)
    _, panels = plt.subplots(1, 5, figsize=(6, 1.7))
    for layer, (axes, mask) in enumerate(zip(panels, masks, strict=True)):
        axes.imshow(mask[0, 0].tolist(), vmin=0, vmax=1, cmap="viridis")
        axes.set_title(f"{int((mask == 0).sum())} pixels")
        axes.set(xlabel=f"layer {layer}" if layer else "input", xticks=[], yticks=[])
    plt.tight_layout()
    plt.savefig("partial-convolution.svg")
    images = torch.tensor(load_digits().images[:300], dtype=torch.float32)[:, None] / 16
    mask = torch.ones_like(images)
    for each in mask:
        top, left = torch.randint(0, 6, (2,)).tolist()
        each[:, top : top + 3, left : left + 3] = 0
    kernels = {
        "equal weights": torch.full((1, 1, 3, 3), 1 / 9),
        "random weights from 0 to 1": torch.rand(32, 1, 3, 3),
        "random weights of both signs": torch.randn(32, 1, 3, 3),
    }
    found = {name: errors(images, mask, weight) for name, weight in kernels.items()}
    table = [
        [name, way, f"{error:.2f}", f"{mean:+.2f}"]
        for name, ways in found.items()
        for way, (error, mean) in ways.items()
    ]
    with Path("partial-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["kernel", "hole filled with", "error", "mean error"], *table])
    numbers = {"errors": found, "holes": [int((mask == 0).sum()) for mask in masks]}
    Path("partial-convolution.json").write_text(json.dumps(numbers), encoding="utf-8")
    print(f"pixels of the hole, layer by layer: {numbers['holes']}")
