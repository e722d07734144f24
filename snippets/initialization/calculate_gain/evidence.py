"""Gains of tanh and SELU, torch's and the one that keeps the second moment: 50 layers forward and backward.

Source: torch.nn.init.calculate_gain; SELU with gain 1 is Klambauer et al., "Self-Normalizing Neural Networks", 2017.
"""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from snippets.initialization.calculate_gain.from_scratch import measured_gain

F = nn.functional
DEPTH, WIDTH, SEEDS = 50, 200, 3
Activation = Callable[[Tensor], Tensor]


def through_depth(f: Activation, gain: float) -> tuple[list[float], list[float]]:
    """Rms of activations and of gradients at each layer, geometric mean over seeds."""
    forward, backward = torch.zeros(DEPTH), torch.zeros(DEPTH)
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        x = torch.randn(128, WIDTH)  # (batch, features)
        activations = []
        for _ in range(DEPTH):
            weight = torch.randn(WIDTH, WIDTH) * gain / math.sqrt(WIDTH)
            x = f((x if x.requires_grad else x.requires_grad_()) @ weight.T)
            x.retain_grad()
            activations.append(x)
        x.backward(torch.randn(x.shape))
        forward += torch.stack([a.detach().square().mean().log() / 2 for a in activations]) / SEEDS
        gradients = [a.grad.square().mean().log() / 2 for a in activations if a.grad is not None]
        backward += torch.stack(gradients) / SEEDS
    return forward.exp().tolist(), backward.exp().tolist()


if __name__ == "__main__":
    runs: dict[str, tuple[Activation, float, str]] = {
        "tanh, 5/3 (torch)": (torch.tanh, 5 / 3, "s-"),
        "tanh, 1.59 (second moment)": (torch.tanh, measured_gain(torch.tanh), "^--"),
        "tanh, 1": (torch.tanh, 1.0, "v:"),
        "SELU, 3/4 (torch)": (F.selu, 0.75, "o-"),
        "SELU, 1 (paper)": (F.selu, 1.0, "D--"),
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2))
    layers = range(1, DEPTH + 1)
    rows = [["activation and gain", "rms, layer 1", "rms, layer 50", "gradient at layer 1 (1 at layer 50)"]]
    results = {}
    for label, (f, gain, style) in runs.items():
        forward, backward = through_depth(f, gain)
        results[label] = {"activations": forward, "gradients": backward}
        left.plot(layers, forward, style, markevery=7, label=label)
        right.plot(layers, backward, style, markevery=7)
        rows.append([label, f"{forward[0]:.2f}", f"{forward[-1]:.2f}", f"{backward[0]:.2g}"])
    left.set(yscale="log", xlabel="layer", ylabel="rms of the activations", title="forward")
    right.set(yscale="log", xlabel="layer", ylabel="rms of the gradient", title="backward")
    figure.legend(*left.get_legend_handles_labels(), loc="lower center", ncols=3)
    figure.tight_layout(rect=(0, 0.14, 1, 1))
    figure.savefig("calculate-gain.svg")
    with Path("calculate-gain.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("calculate-gain.json").write_text(json.dumps(results))

    functions: dict[str, Activation] = {
        "linear": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": torch.relu,
        "leaky_relu": F.leaky_relu,
        "selu": F.selu,
        "gelu": F.gelu,
        "silu": F.silu,
        "mish": F.mish,
        "elu": F.elu,
        "softplus": F.softplus,
        "hardswish": F.hardswish,
    }
    table = [["nonlinearity", "calculate_gain", "keeps the second moment"]]
    for name, f in functions.items():
        try:
            torch_gain = f"{nn.init.calculate_gain(name):.4f}"  # type: ignore[arg-type]
        except ValueError:
            torch_gain = "ValueError"
        table.append([name, torch_gain, f"{measured_gain(f):.3f}"])
    with Path("calculate-gain-table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(table)
    print("tanh keeps its second moment at", table[3][2], "and SELU at", table[6][2])
    print("gradient at layer 1:", ", ".join(f"{row[0]}: {row[3]}" for row in (rows[1], rows[4], rows[5])))
