"""Hard swish beside swish and ReLU6.

Source: Howard et al., "Searching for MobileNetV3", 2019, section 5.2
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

if __name__ == "__main__":
    x = torch.linspace(-5, 7, 1201, dtype=torch.float64)
    layers = {"ReLU6": nn.ReLU6(), "swish": nn.SiLU(), "hard swish": nn.Hardswish()}
    curves = {name: layer(x) for name, layer in layers.items()}
    for (name, y), style in zip(curves.items(), ["-.", "--", "-"], strict=True):
        plt.plot(x.tolist(), y.tolist(), style, label=name)
    plt.xlabel("input")
    plt.ylabel("output")
    plt.legend()
    plt.savefig("mobilenet-v3-activations.svg")
    points = [-4.0, -3.0, -1.5, 0.0, 1.5, 3.0, 7.0]
    with Path("mobilenet-v3-activations.csv").open("w", newline="", encoding="utf-8") as file:
        at = torch.tensor(points, dtype=torch.float64)
        rows = [[name, *(f"{y:.2f}" for y in layer(at).tolist())] for name, layer in layers.items()]
        csv.writer(file).writerows([["input", *points], *rows])
    gap = (curves["hard swish"] - curves["swish"]).abs()
    found = {"gap": gap.max().item(), "at": x[gap.argmax()].item(), "least": curves["hard swish"].min().item()}
    Path("mobilenet-v3-activations.json").write_text(json.dumps(found), encoding="utf-8")
    print(f"largest distance of hard swish from swish: {found['gap']:.2f}; its least value: {found['least']:.3f}")
