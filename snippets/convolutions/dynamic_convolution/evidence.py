"""How even the attention over kernels is at several temperatures, and how much gradient the least used kernel gets.

Source: Chen et al., "Dynamic Convolution: Attention over Convolution Kernels", 2019, section 4
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.convolutions.dynamic_convolution.use import DynamicConv2d

TEMPERATURES = [1.0, 3.0, 10.0, 30.0]
SHARPNESS = 8.0  # factor on the attention's last layer, as after training has made its logits differ


def measure(temperature: float, seed: int) -> dict[str, float]:
    """Mean over samples of the largest share, and the least kernel's part of the gradients' sum of norms."""
    torch.manual_seed(seed)
    layer = DynamicConv2d(8, 8, kernels=4, temperature=temperature)
    last = layer.attend[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight.mul_(SHARPNESS)
        last.bias.mul_(SHARPNESS)
    x, wanted = torch.randn(32, 8, 8, 8) + torch.randn(32, 8, 1, 1), torch.randn(32, 8, 8, 8)
    shares = (layer.attend(x.mean(dim=(2, 3))) / temperature).softmax(dim=1)
    (layer(x) - wanted).square().mean().backward()
    assert layer.weight.grad is not None
    norms = layer.weight.grad.norm(dim=1)
    return {"largest": shares.amax(dim=1).mean().item(), "least": (norms.min() / norms.sum()).item()}


if __name__ == "__main__":
    results = {t: [measure(t, seed) for seed in range(5)] for t in TEMPERATURES}
    means = {t: {key: sum(row[key] for row in rows) / 5 for key in rows[0]} for t, rows in results.items()}
    with Path("dynamic-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["temperature", "largest share of a sample", "gradient of the least used kernel"]
        lines = [[f"{t:.0f}", f"{row['largest']:.2f}", f"{row['least']:.3f}"] for t, row in means.items()]
        csv.writer(file).writerows([head, *lines])
    Path("dynamic-convolution.json").write_text(json.dumps({"seeds": results, "means": means}), encoding="utf-8")
    _, axes = plt.subplots(figsize=(4.8, 3))
    for key, marker, label in (("largest", "o", "largest share"), ("least", "s", "least used kernel, gradient")):
        axes.plot(TEMPERATURES, [means[t][key] for t in TEMPERATURES], marker=marker, label=label)
    axes.axhline(0.25, linestyle=":", color="C7", label="a quarter")
    axes.set(xscale="log", xlabel="temperature", ylabel="share", ylim=(0, 1))
    axes.set_xticks(TEMPERATURES, [f"{t:.0f}" for t in TEMPERATURES])
    axes.minorticks_off()
    axes.legend()
    plt.tight_layout()
    plt.savefig("dynamic-convolution.svg")
    print(f"largest share: {means[1.0]['largest']:.2f} at temperature 1, {means[30.0]['largest']:.2f} at 30")
