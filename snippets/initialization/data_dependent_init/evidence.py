"""Raw pixels, twelve layers: training loss and rates of change for default, Kaiming and data-dependent weights.

Source: Krähenbühl et al., "Data-dependent Initializations of Convolutional Neural Networks", 2015.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.data_dependent_init.use import change_rates, equalize_rates, normalize_channels

DEPTH, WIDTH, STEPS, SEEDS = 12, 48, 70, 2


def network(method: str, seed: int, x: Tensor) -> nn.Sequential:
    """ReLU network, initialized by ``method``; the data-dependent one sees the batch ``x``."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = [nn.Linear(64, WIDTH), nn.ReLU()]
    for _ in range(DEPTH - 2):
        layers += [nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    if method == "default":
        return model
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.zeros_(layer.bias)
    return normalize_channels(model, x) if method.startswith("unit channels") else model


def train(method: str, seed: int, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    """Rate of change of each layer at the start, and the loss at each of STEPS steps.

    "equal rates" alone, which the figure does not show, equalizes the rates of Kaiming's weights.
    """
    model = network(method, seed, x[:512])
    if method.endswith("equal rates"):
        equalize_rates(model, nn.functional.cross_entropy(model(x[:512]), y[:512]))
    rates = change_rates(model, nn.functional.cross_entropy(model(x[:512]), y[:512]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    curve = []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        curve.append(loss.item())
    return rates, curve


def load() -> tuple[dict[str, Tensor], Tensor]:
    """Digits, raw and scaled, both (n, 64), and their classes (n,)."""
    digits = load_digits()
    raw = torch.tensor(digits.data, dtype=torch.get_default_dtype())
    return {"raw pixels, 0 to 16": raw, "scaled": (raw - 4.9) / 6.0}, torch.tensor(digits.target)


if __name__ == "__main__":
    inputs, y = load()
    rows = [["inputs", "initializer", "largest / smallest rate", "loss of the last 10 steps"]]
    styles = {"default": "^:", "Kaiming": "s-", "unit channels": "D-.", "unit channels, equal rates": "o--"}
    results = {}
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, (title, x) in zip(axes, inputs.items(), strict=True):
        for method, style in styles.items():
            rates, curves = zip(*(train(method, seed, x, y) for seed in range(SEEDS)), strict=True)
            results[f"{title}, {method}"] = {"rates": rates, "losses": curves}
            spread = [max(layers) / min(layers) for layers in rates]
            mean = torch.tensor(curves).mean(0).tolist()
            axis.plot(range(1, STEPS + 1), mean, style, markevery=10, label=method)
            last = sum(mean[-10:]) / 10
            rows.append(
                [title, method, f"{sum(spread) / SEEDS:.1f}", f"{last:.2f}" if math.isfinite(last) else "diverged"]
            )
        axis.set(title=title, xlabel="step", ylim=(0, 4))
    axes[0].set_ylabel("training loss")
    axes[1].legend()
    figure.tight_layout()
    plt.savefig("data-dependent-init.svg")
    with Path("data-dependent-init.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("data-dependent-init.json").write_text(json.dumps(results))
