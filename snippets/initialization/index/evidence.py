"""Signal and gradient through 50 plain layers, for each initializer under each activation.

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
section 4.2; He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

WIDTH, DEPTH, BATCH, DRAWS = 128, 50, 32, 3
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "ReLU": torch.relu,
    "GELU": nn.functional.gelu,
    "SELU": nn.functional.selu,
}
INITIALIZERS: dict[str, Callable[[Tensor], Tensor]] = {
    "normal, std 0.01": lambda w: nn.init.normal_(w, std=0.01),
    "torch's default": lambda w: nn.init.kaiming_uniform_(w, a=math.sqrt(5)),
    "LeCun (here = Xavier)": lambda w: nn.init.xavier_normal_(w),  # square layers: fan_in = fan_out
    "Kaiming": lambda w: nn.init.kaiming_normal_(w, nonlinearity="relu"),
    "orthogonal, gain 1": lambda w: nn.init.orthogonal_(w),
}
STYLES = [(0, (1, 1)), "--", "-", "-.", (0, (5, 1, 1, 1, 1, 1))]
MARKERS = ["v", "s", "o", "^", "D"]


def through_layers(initializer: str, activation: str, seed: int = 0) -> tuple[list[float], list[float]]:
    """Standard deviation of every layer's output, and of the gradient that arrives there.

    The input is standard normal, and so is the gradient that enters at the last layer's output.
    """
    torch.manual_seed(seed)
    x = torch.randn(BATCH, WIDTH, dtype=torch.float64).requires_grad_()  # float64: 1e-40 must not become 0
    outputs = [x]
    for _ in range(DEPTH):
        weight = INITIALIZERS[initializer](torch.empty(WIDTH, WIDTH, dtype=torch.float64))
        outputs.append(ACTIVATIONS[activation](outputs[-1] @ weight.T))
    gradients = torch.autograd.grad(outputs[-1], outputs, torch.randn_like(x))
    return [h.std().item() for h in outputs], [g.std().item() for g in gradients]


def median(runs: list[list[float]]) -> list[float]:
    """Median over the runs, layer by layer."""
    return torch.tensor(runs, dtype=torch.float64).median(0).values.tolist()


if __name__ == "__main__":
    figure, axes = plt.subplots(2, 4, figsize=(10, 5.6), sharex=True, sharey=True, layout="constrained")
    rows = [["activation", "initializer", "std of the output of layer 50", "std of the gradient at the input"]]
    results = {}
    for column, activation in enumerate(ACTIVATIONS):
        for place, initializer in enumerate(INITIALIZERS):
            runs = [through_layers(initializer, activation, seed) for seed in range(DRAWS)]
            results[f"{activation}, {initializer}"] = runs
            forward, backward = median([r[0] for r in runs]), median([r[1] for r in runs])
            for axis, values in zip(axes[:, column], (forward, backward), strict=True):
                axis.semilogy(
                    values, linestyle=STYLES[place], marker=MARKERS[place], markevery=(2 * place, 12), markersize=5,
                    label=initializer,
                )  # fmt: skip
            rows.append([activation, initializer, f"{forward[-1]:.0e}", f"{backward[0]:.0e}"])
        axes[0, column].set(title=activation, ylim=(1e-8, 1e3))
        axes[1, column].set(xlabel="layer", xticks=range(0, DEPTH + 1, 10))
    axes[0, 0].set_ylabel("std of the output\n(signal runs to the right)")
    axes[1, 0].set_ylabel("std of the gradient\n(gradient runs to the left)")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=5)
    plt.savefig("index-depth.svg")
    with Path("index-depth.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("index.json").write_text(json.dumps(results))
    kept = [row for row in rows[1:] if 0.1 < float(row[2]) < 10 and 0.1 < float(row[3]) < 10]
    for row in kept:
        print(f"{row[0]} with {row[1]}: signal and gradient within a factor of 10 after 50 layers")
