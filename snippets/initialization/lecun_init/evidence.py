"""Mean and standard deviation of SELU activations over 32 layers under three gains, and training of 32 SELU layers.

Source: Klambauer et al., "Self-Normalizing Neural Networks", 2017.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

GAINS = {"torch's gain for SELU": 0.75, "LeCun": 1.0, "Kaiming": math.sqrt(2)}
SEEDS, STEPS, WIDTH, DEPTH = 3, 30, 32, 32


def network(gain: float, seed: int, width: int, depth: int = DEPTH) -> nn.Sequential:
    """``depth`` layers of SELU on ``width`` features, standard deviation of the weights gain / sqrt(fan_in)."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for place in range(depth):
        linear = nn.Linear(64 if place == 0 else width, width, bias=False)
        nn.init.normal_(linear.weight, std=gain / math.sqrt(linear.in_features))
        layers += [linear, nn.SELU()]
    return nn.Sequential(*layers)


def moments(model: nn.Sequential, x: Tensor) -> list[tuple[float, float]]:
    """Mean and standard deviation of each layer's output."""
    found = []
    for layer in model:
        x = layer(x)
        if isinstance(layer, nn.SELU):
            found.append((x.mean().item(), x.std().item()))
    return found


def train(body: nn.Sequential, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Loss after STEPS steps of Adam on all images at once, and the last layer's deviation before and after them."""
    before = moments(body, x)[-1][1]
    model = nn.Sequential(body, nn.Linear(WIDTH, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item(), before, moments(body, x)[-1][1]


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data[:128], dtype=torch.float32)  # (images, pixels)
    x = (x - x.mean()) / x.std()
    y = torch.tensor(digits.target[:128])
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
    rows, results = [], {}
    for (name, gain), marker in zip(GAINS.items(), ["v", "o", "s"], strict=True):
        with torch.no_grad():
            runs = torch.tensor([moments(network(gain, seed, 256), torch.randn(64, 64)) for seed in range(SEEDS)])
        mean, std = runs.median(0).values.T  # over seeds; each (layers,)
        axes[0].plot(range(1, DEPTH + 1), mean.tolist(), marker=marker, markevery=4, label=name)
        axes[1].semilogy(range(1, DEPTH + 1), std.tolist(), marker=marker, markevery=4, label=name)
        trained = [train(network(gain, seed, WIDTH), x, y) for seed in range(SEEDS)]
        results[name] = {"moments": runs.tolist(), "trained": trained}
        losses = torch.tensor([run[0] for run in trained])
        rows.append([name, f"{mean[-1]:.1f}", f"{std[-1]:.1f}", f"{losses.median():.2f}"])
    axes[0].set(xlabel="layer", title="mean of the activations", ylim=(-2, 12))
    axes[1].set(xlabel="layer", title="standard deviation")
    axes[0].legend()
    plt.savefig("lecun-init.svg")
    with Path("lecun-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(
            [
                "initialization",
                "mean in layer 32",
                "standard deviation in layer 32",
                f"training loss after {STEPS} steps",
            ]
        )
        table.writerows(rows)
    Path("lecun-init.json").write_text(json.dumps(results))
    for name, _, std, loss in rows:
        print(f"{name}: standard deviation {float(std):.0f}, training loss {float(loss):.1f}")
