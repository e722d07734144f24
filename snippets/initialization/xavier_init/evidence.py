"""Signal and gradient in every layer of a deep tanh network under four weight variances, and training on digits.

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

INITS = {"1/(3n), the older rule": 1 / 3, "Xavier": 1.0, "Xavier, gain 5/3": 25 / 9, "8/n": 8.0}
SEEDS, STEPS, WIDTH, DEPTH = 3, 40, 64, 20


def network(variance: float, seed: int) -> nn.Sequential:
    """DEPTH square layers with tanh and a linear read-out; weights uniform, their variance is variance / WIDTH."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    bound = math.sqrt(3 * variance / WIDTH)
    for _ in range(DEPTH):
        linear = nn.Linear(WIDTH, WIDTH, bias=False)
        nn.init.uniform_(linear.weight, -bound, bound)
        layers += [linear, nn.Tanh()]
    read_out = nn.Linear(WIDTH, 10)
    nn.init.xavier_uniform_(read_out.weight)
    nn.init.zeros_(read_out.bias)
    return nn.Sequential(*layers, read_out)


def sizes(model: nn.Sequential, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    """Root mean square of each tanh layer's output, and of the loss's gradient with respect to it."""
    outputs = []
    for layer in list(model)[:-1]:
        x = layer(x)
        if isinstance(layer, nn.Tanh):
            outputs.append(x)
    gradients = torch.autograd.grad(nn.functional.cross_entropy(model[-1](x), y), outputs)
    return [z.square().mean().sqrt().item() for z in outputs], [g.square().mean().sqrt().item() for g in gradients]


def train(model: nn.Sequential, x: Tensor, y: Tensor) -> float:
    """Loss after STEPS full-batch steps of gradient descent with momentum."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, fused=True)
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data[:128], dtype=torch.float32)  # (images, pixels)
    x = (x - x.mean()) / x.std()
    y = torch.tensor(digits.target[:128])
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
    rows, results = [], {}
    for (name, variance), marker in zip(INITS.items(), ["v", "o", "s", "^"], strict=True):
        runs = [sizes(network(variance, seed), x, y) for seed in range(SEEDS)]
        losses = [train(network(variance, seed), x, y) for seed in range(SEEDS)]
        results[name] = {"signals": [run[0] for run in runs], "gradients": [run[1] for run in runs], "losses": losses}
        medians = [torch.tensor(part).median(0).values.tolist() for part in zip(*runs, strict=True)]
        for axis, values in zip(axes, medians, strict=True):
            axis.semilogy(range(1, DEPTH + 1), values, marker=marker, markevery=3, label=name)
        final = torch.tensor(losses).median()
        rows.append([name, f"{medians[0][-1]:.0e}", f"{medians[1][0] / medians[1][-1]:.0e}", f"{final:.2f}"])
    axes[0].set(xlabel="layer", title="size of the signal")
    axes[1].set(xlabel="layer", title="size of the gradient")
    axes[0].legend(fontsize="small")
    plt.savefig("xavier-init.svg")
    with Path("xavier-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            [
                "variance of the weights",
                "signal in layer 20",
                "gradient, layer 1 : layer 20",
                f"loss after {STEPS} steps",
            ]
        )
        table.writerows(rows)
    Path("xavier-init.json").write_text(json.dumps(results))
    for name, signal, gradient, loss in rows:
        print(f"{name}: signal {signal}, gradient {gradient}, loss {float(loss):.1f}")
