"""Signal through 50 ReLU layers, and training of 20, under Kaiming's, Xavier's and torch's default weights.

Source: He et al., "Delving Deep into Rectifiers", 2015, section 2.2.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

INITS = {"Kaiming": 2.0, "Xavier": 1.0, "torch default": 1 / 3}  # variance of the weight times the width
SEEDS, STEPS, WIDTH = 3, 60, 32


def signal(variance: float, seed: int, width: int = 256, depth: int = 50) -> list[float]:
    """Root mean square of the activations after each of ``depth`` ReLU layers, input first."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(32, width, generator=generator)
    sizes = [1.0]
    for _ in range(depth):
        weight = torch.randn(width, width, generator=generator) * math.sqrt(variance / width)
        x = torch.relu(x @ weight.T)  # (batch, width)
        sizes.append(x.square().mean().sqrt().item())
    return sizes


def train(variance: float, seed: int, x: Tensor, y: Tensor, depth: int = 20) -> list[float]:
    """Loss before each of STEPS full-batch steps of Adam on a network of ``depth`` ReLU layers."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for n, m in zip([64] + [WIDTH] * (depth - 1), [WIDTH] * depth, strict=True):
        linear = nn.Linear(n, m)
        nn.init.normal_(linear.weight, std=math.sqrt(variance / n))
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    losses = []
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data[:200], dtype=torch.float32)  # (images, pixels)
    x = (x - x.mean()) / x.std()
    y = torch.tensor(digits.target[:200])
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    rows, results = [], {}
    for (name, variance), style, marker in zip(INITS.items(), ["-", "--", ":"], ["o", "s", "^"], strict=True):
        signals = [signal(variance, seed) for seed in range(SEEDS)]
        losses = [train(variance, seed, x, y) for seed in range(SEEDS)]
        results[name] = {"signals": signals, "losses": losses}
        sizes = torch.tensor(signals).median(0).values.tolist()
        left.semilogy(sizes, style, marker=marker, markevery=10, label=name)
        curves = torch.tensor(losses)  # (seeds, steps)
        right.plot(curves.median(0).values.tolist(), style, marker=marker, markevery=10, label=name)
        rows.append([name, f"{sizes[-1]:.0e}", f"{curves[:, -1].median():.2f}"])
    left.set(xlabel="layer", title="size of the signal")
    right.set(xlabel="step", title="training loss, 20 layers")
    left.legend()
    plt.savefig("kaiming-init.svg")
    with Path("kaiming-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["initialization", "size of the signal after 50 layers", f"training loss at step {STEPS}"])
        table.writerows(rows)
    Path("kaiming-init.json").write_text(json.dumps(results))
    for name, size, loss in rows:
        print(f"{name}: signal {float(size):.0e}, training loss {float(loss):.1f}")
