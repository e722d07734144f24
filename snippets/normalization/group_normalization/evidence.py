"""Batch and group normalization on digits when statistics come from 2, 8 or all 32 samples of a batch.

Source: Wu and He, "Group Normalization", 2018, figure 1
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, BATCH = 6, 50, 32
IMAGES = [2, 8, 32]  # images over which one statistic goes, as on a device that has so many


class PerDevice(nn.BatchNorm1d):
    """Batch normalization over each ``images`` samples by themselves, as if each such part had a device of its own."""

    def __init__(self, channels: int, images: int) -> None:
        super().__init__(channels)
        self.images = images

    def forward(self, input: Tensor) -> Tensor:
        """Normalized input (batch, channels)."""
        if not self.training:
            return super().forward(input)
        parts = input.view(-1, self.images, self.num_features)  # (devices, samples, channels)
        var, mean = torch.var_mean(parts, dim=1, correction=0, keepdim=True)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean.mean(dim=(0, 1)), self.momentum)
            self.running_var.lerp_(var.mean(dim=(0, 1)) * self.images / (self.images - 1), self.momentum)
        return ((parts - mean) * (var + self.eps).rsqrt()).view_as(input) * self.weight + self.bias


def train(layer: Callable[[int], nn.Module], seed: int, x: Tensor, y: Tensor, alike: bool = False) -> float:
    """Test accuracy in eval mode after STEPS steps; ``alike``: the samples of a device are of one class or two."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Linear(64, 64), layer(64), nn.ReLU(), nn.Linear(64, 64), layer(64), nn.ReLU(), nn.Linear(64, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(1200, (BATCH,))
        if alike:
            batch = batch[y[batch].argsort()]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    return (model(x[1200:]).argmax(dim=1) == y[1200:]).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    order = torch.randperm(1797)
    x = torch.tensor(digits.data, dtype=torch.float32)[order] / 16  # (1797, 64)
    y = torch.tensor(digits.target)[order]
    results: dict[str, list[list[float]]] = {"batch norm": [], "batch norm, samples alike": [], "group norm": []}
    group = [train(partial(nn.GroupNorm, 4), seed, x, y) for seed in range(SEEDS)]
    for images in IMAGES:
        for name, alike in [("batch norm", False), ("batch norm, samples alike", True)]:
            known = alike and images == BATCH  # one device has all samples, in whatever order
            layer = partial(PerDevice, images=images)
            runs = results["batch norm"][-1] if known else [train(layer, seed, x, y, alike) for seed in range(SEEDS)]
            results[name].append(runs)
        results["group norm"].append(group)  # no statistic goes over samples: the same at each number
    means = {name: [sum(runs) / SEEDS for runs in of_images] for name, of_images in results.items()}
    for (name, values), style in zip(means.items(), ["s--", "v:", "o-"], strict=True):
        plt.plot(IMAGES, values, style, label=name)
    plt.xscale("log", base=2)
    plt.xticks(IMAGES, [str(images) for images in IMAGES])
    plt.xlabel("samples that share statistics, of a batch of 32")
    plt.ylabel("test accuracy after 50 steps")
    plt.legend()
    plt.savefig("group-normalization.svg")
    rows = [[str(images), *(f"{values[i]:.2f}" for values in means.values())] for i, images in enumerate(IMAGES)]
    with Path("group-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["samples that share statistics", *means], *rows])
    Path("group-normalization.json").write_text(json.dumps(results))
    print(f"group norm, seed by seed: {[round(v, 1) for v in group]}")
