"""What 20 convolutions with ReLU make of a digit under Dirac's and Kaiming's weights, and how such networks train.

Source: Zagoruyko and Komodakis, "DiracNets", 2017.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

CHANNELS, DEPTH, SEEDS, STEPS = 8, 20, 3, 25
NAMES = ["Dirac and noise", "Kaiming"]


def network(name: str, seed: int) -> nn.Sequential:
    """DEPTH 3x3 convolutions with ReLU, CHANNELS in and out."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for _ in range(DEPTH):
        convolution = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False)
        if name == "Kaiming":
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        else:
            with torch.no_grad():
                nn.init.dirac_(convolution.weight).add_(0.01 * torch.randn_like(convolution.weight))
        layers += [convolution, nn.ReLU()]
    return nn.Sequential(*layers)


def train(body: nn.Sequential, x: Tensor, y: Tensor) -> list[float]:
    """Loss before each of STEPS steps of Adam with a linear read-out, and after the last."""
    model = nn.Sequential(body, nn.Flatten(), nn.Linear(64 * CHANNELS, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    losses = []
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(x), y)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [*losses, nn.functional.cross_entropy(model(x), y).item()]


def load() -> tuple[Tensor, Tensor]:
    """64 digits, the same image in each of the CHANNELS, (64, CHANNELS, 8, 8), and their classes."""
    digits = load_digits()
    images = torch.tensor(digits.images[:64], dtype=torch.float32)[:, None] / 16  # (images, 1, 8, 8)
    return images.repeat(1, CHANNELS, 1, 1), torch.tensor(digits.target[:64])


if __name__ == "__main__":
    x, y = load()
    figure, axes = plt.subplots(2, 4, figsize=(7, 3.8), layout="constrained")
    rows, results = [], {}
    for row, name in zip(axes, NAMES, strict=True):
        model = network(name, 0)
        for axis, depth in zip(row, [0, 5, 10, 20], strict=True):
            with torch.no_grad():
                z = model[: 2 * depth](x) if depth else x
            axis.imshow(z[5, 0].tolist(), cmap="viridis")
            axis.set(xticks=[], yticks=[], title=f"layer {depth}" if name == NAMES[0] else "")
        row[0].set_ylabel(name)
        likeness = torch.corrcoef(torch.stack([x[5].flatten(), z[5].flatten()]))[0, 1]
        results[name] = [train(network(name, seed), x, y) for seed in range(SEEDS)]
        rows.append([name, f"{likeness:.2f}", f"{torch.tensor(results[name])[:, -1].median():.2f}"])
    plt.savefig("dirac-init.svg")
    with Path("dirac-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            ["initialization", "correlation of layer 20 with the input", f"training loss after {STEPS} steps"]
        )
        table.writerows(rows)
    Path("dirac-init.json").write_text(json.dumps(results))
    for name, correlation, loss in rows:
        print(f"{name}: correlation with the input {float(correlation):.1f}, training loss {float(loss):.1f}")
