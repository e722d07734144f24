"""Upscale 4 x 4 digits to 8 x 8 with a sub-pixel convolution: ICNR and Kaiming, first pictures and training.

Source: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.icnr.from_scratch import icnr_weight

NAMES, SEEDS, STEPS = ["ICNR", "Kaiming"], 3, 60


def network(name: str, seed: int) -> nn.Sequential:
    """Two convolutions and a pixel shuffle by 2; the two initializations differ in the last weight only."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 4, 3, padding=1), nn.PixelShuffle(2))
    last = model[2]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    nn.init.kaiming_normal_(last.weight, nonlinearity="linear")
    nn.init.zeros_(last.bias)
    if name == "ICNR":
        with torch.no_grad():
            last.weight.copy_(icnr_weight(last.weight[:1], 2))
    return model


def checkerboard(y: Tensor) -> float:
    """Root mean square of what repeats with period 2: the part of each 2 x 2 cell's mean pattern that is not flat."""
    cells = nn.functional.pixel_unshuffle(y, 2)  # (batch, 4, height / 2, width / 2)
    return (cells - cells.mean(1, keepdim=True)).mean((0, 2, 3)).square().mean().sqrt().item()


def train(name: str, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Squared error and checkerboard in the error before each step of Adam, each (SEEDS, STEPS)."""
    losses, patterns = torch.zeros(SEEDS, STEPS), torch.zeros(SEEDS, STEPS)
    for seed in range(SEEDS):
        model = network(name, seed)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for step in range(STEPS):
            batch = (torch.arange(64) + 64 * step) % len(x)
            out = model(x[batch])
            loss = nn.functional.mse_loss(out, y[batch])
            losses[seed, step], patterns[seed, step] = loss.item(), checkerboard(out.detach() - y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return losses, patterns


if __name__ == "__main__":
    y = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16  # (images, 1, 8, 8)
    x = nn.functional.avg_pool2d(y, 2)  # (images, 1, 4, 4)
    figure, axes = plt.subplots(1, 5, figsize=(10, 2.6), layout="constrained", width_ratios=[1, 1, 1, 1.6, 1.6])
    pictures = [("input", x[0, 0])] + [(f"{name}, step 0", network(name, 0)(x[:1])[0, 0].detach()) for name in NAMES]
    for axis, (title, picture) in zip(axes, pictures, strict=False):
        axis.pcolormesh(picture.flip(0).tolist(), edgecolors="face", linewidth=0.2)
        axis.set(title=title, xticks=[], yticks=[], aspect="equal")
    rows = [["initialization", "checkerboard at step 0", f"at step {STEPS - 1}", f"squared error at step {STEPS - 1}"]]
    results = {}
    for name, style in zip(NAMES, ["-", "--"], strict=True):
        losses, patterns = train(name, x, y)
        results[name] = {"losses": losses.tolist(), "checkerboards": patterns.tolist()}
        for axis, values in zip(axes[3:], (losses, patterns), strict=True):
            axis.semilogy(values.median(0).values.tolist(), style, label=name)
            axis.fill_between(range(STEPS), values.amin(0).tolist(), values.amax(0).tolist(), alpha=0.2)
        first, final, error = patterns[:, 0].median(), patterns[:, -1].median(), losses[:, -1].median()
        rows.append([name, f"{first:.3f}", f"{final:.3f}", f"{error:.3f}"])
    axes[3].set(title="squared error", xlabel="step")
    axes[4].set(title="checkerboard in the error", xlabel="step")
    axes[3].legend()
    plt.savefig("icnr.svg")
    with Path("icnr.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("icnr.json").write_text(json.dumps(results))
    for row in rows[1:]:
        print(f"{row[0]}: checkerboard in the error at step 0 {float(row[1]):.2f}")
