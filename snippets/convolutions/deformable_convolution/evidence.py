"""A deformable layer learns to read waves of any length where they have turned by a quarter.

Source: Dai et al., "Deformable Convolutional Networks", 2017, section 2.1
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.deformable_convolution.use import deform_conv2d

SIZE, STEPS, INNER = 16, 150, slice(4, 12)
LENGTHS = [6, 8, 10, 12, 14]


class Deformable(nn.Module):
    """Kernel 3, one output, with offsets and without a mask; ``where`` gives them for each place."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, 2, 3, 3) / 18**0.5)
        self.where = nn.Conv2d(2, 18, 3, padding=1)
        for parameter in self.where.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 2, size, size) in, (batch, 1, size, size) out."""
        return deform_conv2d(x, self.where(x), self.weight, None, None, stride=1, padding=1, dilation=1)


def waves(length: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
    """A wave and, as second channel, its length; and the wave as it is a quarter of its length further right."""
    turn = 2 * math.pi * torch.arange(SIZE).expand(SIZE, SIZE) / length[:, None, None] + phase[:, None, None]
    x = torch.stack([turn.sin(), (length / 10)[:, None, None].expand_as(turn)], 1)
    return x, turn.cos()[:, None]


def error(model: nn.Module, length: Tensor) -> Tensor:
    """Mean squared error away from the border; half is the error of predicting 0."""
    x, y = waves(length, torch.rand(len(length)) * 2 * math.pi)
    return F.mse_loss(model(x)[..., INNER, INNER], y[..., INNER, INNER])


def trained(model: nn.Module) -> nn.Module:
    """The model after ``STEPS`` of Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(STEPS):
        optimizer.zero_grad()
        error(model, torch.rand(8) * 8 + 6).backward()
        optimizer.step()
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    models = {
        "3×3": nn.Conv2d(2, 1, 3, padding=1),
        "7×7": nn.Conv2d(2, 1, 7, padding=3),
        "deformable 3×3": Deformable(),
    }
    results: dict[str, float] = {}
    for name, model in models.items():
        with torch.no_grad():
            before = error(model, torch.rand(200) * 8 + 6).item()
        trained(model)
        with torch.no_grad():
            results[name] = error(model, torch.rand(200) * 8 + 6).item()
    deformable = models["deformable 3×3"]
    assert isinstance(deformable, Deformable)
    figure, axes = plt.subplots(figsize=(4.8, 3.4))
    spread = {}
    for length in LENGTHS:
        x, _ = waves(torch.full((50,), float(length)), torch.rand(50) * 2 * math.pi)
        with torch.no_grad():
            right = deformable.where(x)[:, 1::2, INNER, INNER].mean((0, 2, 3)) + (torch.arange(3.0) - 1).repeat(3)
        spread[length] = right.tolist()
        axes.plot(right.tolist(), [length] * 9, "o")
    axes.plot([-1, 0, 1], [5] * 3, "s")
    axes.text(1.3, 5, "convolution", va="center")
    axes.set(xlabel="pixels to the right of the output", ylabel="length of the wave (pixels)")
    plt.tight_layout()
    plt.savefig("deformable-convolution.svg")
    with Path("deformable-convolution.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[n, sum(p.numel() for p in models[n].parameters()), f"{e:.4f}"] for n, e in results.items()]
        csv.writer(file).writerows([["layer", "parameters", "squared error"], *rows])
    numbers = {"error": results, "read": spread}
    Path("deformable-convolution.json").write_text(json.dumps(numbers), encoding="utf-8")
    print(f"squared error: { {name: round(value, 4) for name, value in results.items()} }")
