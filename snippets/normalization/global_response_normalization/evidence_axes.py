"""Which elements of a (batch, channel, height, width) tensor share statistics in GRN, by its gradients.

Source: Wu and He, "Group Normalization", 2018, figure 2
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor, nn

SHAPE = (3, 6, 3, 3)  # batch, channel, height, width
PLACE = (1, 2, 1, 1)  # the element that is followed: second sample, third channel, middle


def reach(layer: nn.Module) -> Tensor:
    """Which elements of the input move the output at PLACE, (batch, channel, height, width) of bool."""
    torch.manual_seed(0)
    x = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    layer.double()(x)[PLACE].backward()
    assert x.grad is not None
    return x.grad.abs() > 1e-9


def draw(reached: Tensor, axes: plt.Axes, title: str) -> None:
    """A row of maps for each sample, a column for each channel; the element at PLACE has a frame."""
    samples, channels, height, width = SHAPE
    for n in range(samples):
        for c in range(channels):
            left, top = c * (width + 1), n * (height + 1)
            for h in range(height):
                for w in range(width):
                    color = "C0" if reached[n, c, h, w] else "0.85"
                    axes.add_patch(Rectangle((left + w, top + h), 0.94, 0.94, facecolor=color))
    n, c, h, w = PLACE
    corner = (c * (width + 1) + w, n * (height + 1) + h)
    axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor="none", edgecolor="C1", linewidth=2.5))
    axes.set_xlim(-0.2, channels * (width + 1) - 0.8)
    axes.set_ylim(samples * (height + 1) - 0.8, -0.2)
    axes.set_aspect("equal")
    axes.set_xticks([c * (width + 1) + width / 2 for c in range(channels)], [str(c + 1) for c in range(channels)])
    axes.set_yticks([n * (height + 1) + height / 2 for n in range(samples)], [str(n + 1) for n in range(samples)])
    axes.set(xlabel="channel", ylabel="sample", title=title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


class Respond(nn.Module):
    """Global response normalization with a weight of 1."""

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        size = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
        return x + x * size / (size.mean(dim=1, keepdim=True) + 1e-6)


if __name__ == "__main__":
    reached = reach(Respond())
    _, axes = plt.subplots(figsize=(5, 2.7))
    draw(reached, axes, "global response normalization")
    plt.savefig("global-response-normalization-axes.svg")
    Path("global-response-normalization-axes.json").write_text(json.dumps(reached.int().tolist()))
    print(f"{int(reached.sum())} of {reached.numel()} elements share the statistics of the framed one.")
