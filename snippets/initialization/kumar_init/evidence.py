"""How far inputs stay apart through sigmoid layers under three weight variances, and training of five such layers.

Source: Kumar, "On weight initialization in deep neural networks", 2017.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

INITS = {"Xavier, 1/n": 1.0, "Kumar, 12.8/n": 12.8, "40/n": 40.0}
SEEDS, STEPS, WIDTH, DEPTH = 6, 100, 64, 5


def spread(variance: float, seed: int, width: int = 256, depth: int = 15) -> list[float]:
    """Standard deviation over inputs of each unit's output, mean over units, after each layer.

    In float64, because differences of 1e-8 between outputs near 0.5 are float32's own rounding.
    """
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(64, width, generator=generator, dtype=torch.float64)
    found = []
    for _ in range(depth):
        weight = torch.randn(width, width, generator=generator, dtype=torch.float64) * math.sqrt(variance / width)
        x = torch.sigmoid(x @ weight)
        found.append(x.std(dim=0).mean().item())
    return found


def train(variance: float, seed: int, x: Tensor, y: Tensor) -> list[float]:
    """Loss before each of STEPS steps of Adam on DEPTH sigmoid layers."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(DEPTH):
        linear = nn.Linear(WIDTH, WIDTH)
        nn.init.normal_(linear.weight, std=math.sqrt(variance / WIDTH))
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
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
    for (name, variance), style, marker in zip(INITS.items(), ["--", "-", ":"], ["s", "o", "^"], strict=True):
        spreads = [spread(variance, seed) for seed in range(SEEDS)]
        curves = [train(variance, seed, x, y) for seed in range(SEEDS)]
        results[name] = {"spreads": spreads, "losses": curves}
        sizes, losses = (torch.tensor(runs).median(0).values.tolist() for runs in (spreads, curves))
        left.semilogy(range(1, len(sizes) + 1), sizes, style, marker=marker, markevery=2, label=name)
        right.plot(losses, style, marker=marker, markevery=15, label=name)
        rows.append([name, f"{sizes[9]:.0e}", f"{losses[-1]:.2f}"])
    left.set(xlabel="layer", title="spread between inputs")
    right.set(xlabel="step", title="training loss, 5 sigmoid layers")
    left.legend()
    plt.savefig("kumar-init.svg")
    with Path("kumar-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["variance of the weights", "spread after 10 layers", f"training loss at step {STEPS}"])
        table.writerows(rows)
    Path("kumar-init.json").write_text(json.dumps(results))
    for name, _, loss in rows:
        print(f"{name}: training loss {float(loss):.1f}")
