"""How many input pixels paint each output of a transposed convolution, and the pattern that it draws on a flat map.

Source: Odena et al., "Deconvolution and Checkerboard Artifacts", 2016
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

KERNELS, SEEDS, CHANNELS = [2, 3, 4, 5], 20, 64


def painters(kernel: int, size: int = 5) -> Tensor:
    """How many inputs move each output of a layer with stride 2, (height, width), by gradients."""
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    y = F.conv_transpose2d(x, torch.ones(1, 1, kernel, kernel), stride=2)
    counts = [[torch.autograd.grad(v, x, retain_graph=True)[0].count_nonzero().item() for v in row] for row in y[0, 0]]
    return torch.tensor(counts)


def pattern(layer: nn.Module) -> float:
    """Standard deviation between the four places of a 2 × 2 cell on a flat map, in parts of the output's size."""
    with torch.no_grad():
        y = layer(torch.ones(1, CHANNELS, 8, 8))[0, :, 6:10, 6:10]  # (outputs, 4, 4), far from the border
    places = y.unfold(1, 2, 2).unfold(2, 2, 2).mean(dim=(1, 2)).flatten(1)  # (outputs, 4)
    return (places.std(dim=1, correction=0).mean() / y.square().mean().sqrt()).item()


def layers() -> dict[str, nn.Module]:
    """Layers that double the map, with torch's random weights."""
    made: dict[str, nn.Module] = {
        f"transposed, kernel {k}": nn.ConvTranspose2d(CHANNELS, 16, k, 2, (k - 1) // 2, k % 2, bias=False)
        for k in KERNELS
    }
    conv = nn.Conv2d(CHANNELS, 16, 3, padding=1, bias=False)
    return made | {"enlarge, then convolve": nn.Sequential(nn.Upsample(scale_factor=2), conv)}


if __name__ == "__main__":
    _, rows = plt.subplots(2, 2, figsize=(4.5, 5))
    results: dict[str, dict] = {"painters": {}, "random": {}, "equal": {}}
    for axes, kernel in zip(rows.flat, KERNELS, strict=True):
        counts = painters(kernel)[:7, :7]
        results["painters"][str(kernel)] = counts.tolist()
        axes.imshow(counts.tolist(), cmap="Blues", vmin=0, vmax=14)
        for i, row in enumerate(counts.tolist()):
            for j, count in enumerate(row):
                axes.text(j, i, count, ha="center", va="center", color="C3")
        axes.set_title(f"kernel {kernel}")
        axes.set_axis_off()
    plt.tight_layout()
    plt.savefig("transposed-convolution.svg")
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        for name, layer in layers().items():
            results["random"].setdefault(name, []).append(pattern(layer))
            for weight in layer.parameters():
                nn.init.constant_(weight, 1.0)
            results["equal"][name] = pattern(layer)
    with Path("transposed-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [
            [n, f"{results['equal'][n]:.2f}", f"{min(v):.2f} – {max(v):.2f}"] for n, v in results["random"].items()
        ]
        csv.writer(file).writerows([["layer", "pattern, equal weights", "pattern, random weights"], *lines])
    Path("transposed-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"pattern with equal weights: {[round(v, 2) for v in results['equal'].values()]}")
