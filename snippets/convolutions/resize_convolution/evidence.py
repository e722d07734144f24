"""How much of an enlarged digit is a pattern of period 2, for layers with random weights.

Source: Odena et al., "Deconvolution and Checkerboard Artifacts", 2016
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, MAPS = 10, 32


def layers() -> dict[str, nn.Module]:
    """Layers from one channel to MAPS, each with torch's start; all double the map."""

    def resized(mode: str) -> nn.Sequential:
        return nn.Sequential(nn.Upsample(scale_factor=2, mode=mode), nn.Conv2d(1, MAPS, 3, padding=1))

    return {
        "transposed, kernel 3": nn.ConvTranspose2d(1, MAPS, 3, 2, 1, 1),
        "transposed, kernel 4": nn.ConvTranspose2d(1, MAPS, 4, 2, 1),
        "sub-pixel": nn.Sequential(nn.Conv2d(1, 4 * MAPS, 3, padding=1), nn.PixelShuffle(2)),
        "nearest, then convolve": resized("nearest"),
        "bilinear, then convolve": resized("bilinear"),
    }


def pattern(y: Tensor) -> float:
    """Share of the variance that lies at period 2 in at least one direction, away from the border."""
    inside = y[..., 2:-2, 2:-2]
    power = torch.fft.fft2(inside - inside.mean(dim=(2, 3), keepdim=True)).abs().square()
    half = inside.shape[-1] // 2
    return ((power[..., half, :].sum() + power[..., half].sum() - power[..., half, half].sum()) / power.sum()).item()


if __name__ == "__main__":
    images = torch.tensor(load_digits().images[:100], dtype=torch.float32)[:, None] / 16  # (100, 1, 8, 8)
    results: dict[str, list[float]] = {}
    pictures: dict[str, Tensor] = {"digit": images[0, 0]}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        for name, layer in layers().items():
            with torch.no_grad():
                y = layer(images)
            results.setdefault(name, []).append(pattern(y))
            pictures.setdefault(name, y[0, 0])
    _, rows = plt.subplots(2, 3, figsize=(5.4, 4))
    for axes, (name, picture) in zip(rows.flat, pictures.items(), strict=True):
        axes.imshow(picture.tolist(), cmap="gray")
        axes.set_title(name, fontsize=8)
        axes.set_axis_off()
    plt.tight_layout()
    plt.savefig("resize-convolution.svg")
    with Path("resize-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[name, f"{min(v):.1%} – {max(v):.1%}"] for name, v in results.items()]
        csv.writer(file).writerows([["layer", "share of the variance at period 2"], *lines])
    Path("resize-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    print({name: f"{sum(v) / SEEDS:.0%}" for name, v in results.items()})
