"""What a rule reaches: a rule for Conv2d alone, as in the old check list, against one rule per layer type.

Source: experiment of this guide; the broken rule is the check list's of 2020, its bias line repaired.
"""

import csv
import json
from functools import partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.initialization.init_in_pytorch.use import initialize_parameters as by_type

DEPTH, WIDTH, SLOPE, SEEDS = 50, 256, 0.25, 6


def conv_only(module: nn.Module) -> None:
    """The old rule: it knows one type of layer."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=SLOPE, nonlinearity="leaky_relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


initialize_parameters = partial(by_type, slope=SLOPE)


def rms_by_depth(activation: nn.Module, rule: str) -> list[float]:
    """Root mean square of the activations after each of DEPTH linear layers, geometric mean of SEEDS networks."""
    logs = torch.zeros(DEPTH)
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        x = torch.randn(64, WIDTH)  # (batch, features)
        with torch.no_grad():
            for depth in range(DEPTH):
                layer = nn.Linear(WIDTH, WIDTH)
                layer.apply(conv_only if rule == "conv only" else initialize_parameters)
                x = activation(layer(x))
                logs[depth] += x.square().mean().log() / 2 / SEEDS
    return logs.exp().tolist()


def reached() -> list[list[str]]:
    """Each weight of one layer of each type: which of the two rules changes it."""
    layers = {
        "Conv2d.weight": nn.Conv2d(8, 8, 3),
        "Linear.weight": nn.Linear(8, 8),
        "Embedding.weight": nn.Embedding(8, 8),
        "LSTM.weight_ih_l0": nn.LSTM(8, 8),
        "LSTM.weight_hh_l0": nn.LSTM(8, 8),
        "MultiheadAttention.out_proj.weight": nn.MultiheadAttention(8, 2),
        "MultiheadAttention.in_proj_weight": nn.MultiheadAttention(8, 2),
    }
    rows = [["parameter", "rule for Conv2d only", "one rule per type"]]
    for name, layer in layers.items():
        parameter = layer.get_parameter(name.partition(".")[2])
        row = [name]
        for rule in (conv_only, initialize_parameters):
            before = parameter.detach().clone()
            layer.apply(rule)
            row.append("untouched" if torch.equal(parameter, before) else "initialized")
        rows.append(row)
    return rows


if __name__ == "__main__":
    depths = range(1, DEPTH + 1)
    leaky, relu = nn.LeakyReLU(SLOPE), nn.ReLU()
    lines = {
        "rule for Conv2d only, LeakyReLU(0.25)": (rms_by_depth(leaky, "conv only"), "s-"),
        "rule per type, gain of LeakyReLU(0.25), but ReLU": (rms_by_depth(relu, "by type"), "^-"),
        "rule per type, LeakyReLU(0.25)": (rms_by_depth(leaky, "by type"), "o-"),
    }
    for label, (values, style) in lines.items():
        plt.plot(depths, values, style, markevery=5, label=label)
        print(f"{label}: {values[-1]:.2g} after {DEPTH} layers")
    plt.yscale("log")
    plt.xlabel("linear layer")
    plt.ylabel("root mean square of the activations")
    plt.legend(loc="center", bbox_to_anchor=(0.58, 0.38))
    plt.savefig("init-in-pytorch.svg")
    with Path("init-in-pytorch.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["layer", *lines])
        writer.writerows(
            [d, *[f"{values[d - 1]:.2e}" for values, _ in lines.values()]] for d in (1, 10, 20, 30, 40, 50)
        )
    with Path("init-in-pytorch-reached.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows := reached())
    results = {"rms": {label: values for label, (values, _) in lines.items()}, "reached": rows}
    Path("init-in-pytorch.json").write_text(json.dumps(results))
