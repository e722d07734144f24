"""Loss after 25 steps on digits against the learning rate, three widths: the standard parametrization and muP.

Source: Yang et al., "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer", 2022.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.mup.use import mup_mlp, mup_parameter_groups

BASE, WIDTHS, STEPS, SEEDS = 32, [32, 128, 512], 25, 2
RATES = [2.0**power for power in range(-11, -3)]


def digits() -> tuple[Tensor, Tensor]:
    """scikit-learn's digits, standardized as a whole: (images, 64) and labels."""
    data = load_digits()
    x = torch.tensor(data.data, dtype=torch.float32)
    return (x - x.mean()) / x.std(), torch.tensor(data.target)


def final_loss(mup: bool, width: int, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Mean training loss of the last five steps; both parametrizations are the same network at width BASE."""
    torch.manual_seed(seed)
    base = BASE if mup else width  # at its own width a network has the standard parametrization
    model = mup_mlp(64, width, 10, base)
    optimizer = torch.optim.Adam(mup_parameter_groups(model, lr, base), fused=True)
    losses = []
    for step in range(STEPS):
        batch = (torch.arange(64) + 64 * step) % len(x)
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-5:]) / 5


if __name__ == "__main__":
    x, y = digits()
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharex=True, sharey=True, layout="constrained")
    rows = [["parametrization", "width", "best learning rate", "loss there", f"loss at {RATES[-2]:.3f}"]]
    results = {}
    for axis, mup in zip(axes, (False, True), strict=True):
        name = "muP" if mup else "standard"
        for width, style, marker in zip(WIDTHS, ["-", "--", ":"], "osv", strict=True):
            runs = [[final_loss(mup, width, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
            results[f"{name}, width {width}"] = runs
            losses = [sum(run) / SEEDS for run in runs]
            axis.loglog(RATES, losses, style, marker=marker, label=f"width {width}")
            best = min(range(len(RATES)), key=losses.__getitem__)
            ring = {"marker": marker, "markersize": 12, "fillstyle": "none", "color": axis.lines[-1].get_color()}
            axis.plot(RATES[best], losses[best], **ring)
            power = round(math.log2(RATES[best]))
            rows.append([name, str(width), f"2^{power}", f"{losses[best]:.2f}", f"{losses[-2]:.2f}"])
        axis.set(title=name, xlabel="learning rate", ylim=(None, 10))
    axes[0].set_ylabel("training loss")
    axes[0].legend()
    plt.savefig("mup.svg")
    with Path("mup.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("mup.json").write_text(json.dumps(results))
    for name in ("standard", "muP"):
        best_rates = ", ".join(row[2] for row in rows[1:] if row[0] == name)
        print(f"{name}: best learning rates at widths {WIDTHS}: {best_rates}")
