"""Gradients layer by layer, and loss after 40 steps on digits, of deep networks with and without gates.

Source: Srivastava et al., "Highway Networks", 2015, sections 2 and 3
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.architectures.highway_network.from_scratch import HighwayNetwork
from snippets.experiment import arrow, box

DEPTH, WIDTH, STEPS, SEEDS = 30, 50, 40, 3


def plain(kaiming: bool) -> nn.Sequential:
    """The same without gates, with torch's first weights or Kaiming's."""
    layers: list[nn.Module] = [nn.Linear(64, WIDTH), nn.ReLU()]
    for _ in range(DEPTH):
        layers += [nn.Linear(WIDTH, WIDTH), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    for layer in model:
        if kaiming and isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model


def gradients(model: nn.Module, x: Tensor, y: Tensor) -> list[float]:
    """Norm of the gradient of each hidden layer's weights, without gates, at the start."""
    nn.functional.cross_entropy(model(x), y).backward()
    square = [p.grad for name, p in model.named_parameters() if p.shape == (WIDTH, WIDTH) and "gate" not in name]
    model.zero_grad()
    return [grad.norm().item() for grad in square if grad is not None]


def loss_after_training(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Over all digits, after some steps of Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(STEPS):
        batch = torch.randint(0, len(x), (32,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return nn.functional.cross_entropy(model(x), y).item()


def diagram() -> None:
    """A layer: the change, times the gate, and the input, times what the gate leaves, are added."""
    _, axes = plt.subplots(figsize=(5, 3.8))
    boxes = {
        "x": (0, 0),
        "layer: H(x)": (-1.8, -1),
        "gate: T(x)": (1.8, -1),
        "H(x) times T(x)": (-1.8, -2.2),
        "x times 1 − T(x)": (1.8, -2.2),
        "+": (0, -3.2),
    }
    for name, place in boxes.items():
        box(axes, *place, name)
    x, change, gate, changed, kept, total = boxes.values()
    for start, end in ((x, change), (x, gate), (change, changed), (gate, kept), (changed, total), (kept, total)):
        arrow(axes, start, end)
    arrow(axes, gate, changed)
    arrow(axes, (0.1, 0), (2.6, -2.2), bend=-0.7)  # around the gate
    axes.set(xlim=(-3.5, 4.3), ylim=(-3.6, 0.4))
    axes.set_axis_off()
    plt.savefig("highway-network-layer.svg")
    plt.close()
    with Path("highway-network-layer.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["gate", "share of H(x)", "share of x"], *([t, t, 1 - t] for t in (0, 0.5, 1))])


if __name__ == "__main__":
    diagram()
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    makers = {
        "plain, torch's weights": lambda: plain(kaiming=False),
        "plain, Kaiming's weights": lambda: plain(kaiming=True),
        "highway, torch's weights": lambda: HighwayNetwork(64, 10, WIDTH, DEPTH),
    }
    sizes: dict[str, list[float]] = {}
    losses: dict[str, list[float]] = {name: [] for name in makers}
    for name, make in makers.items():
        torch.manual_seed(0)
        sizes[name] = gradients(make(), x[:128], y[:128])
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            losses[name].append(loss_after_training(make(), x, y))
    _, axes = plt.subplots()
    for (name, row), style in zip(sizes.items(), ("-", "--", ":"), strict=True):
        axes.plot(range(1, DEPTH + 1), row, style, label=name)
    axes.set(yscale="log", xlabel="layer", ylabel="size of the gradient")
    axes.legend(loc="lower center", bbox_to_anchor=(0.7, 0))  # names are longer in another language
    plt.savefig("highway-network.svg")
    with Path("highway-network.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["network", f"loss after {STEPS} steps"], *([n, f"{mean(v):.1f}"] for n, v in losses.items())]
        )
    text = json.dumps({"depth": DEPTH, "gradients": sizes, "losses": losses})
    Path("highway-network.json").write_text(text, encoding="utf-8")
    for name, values in losses.items():
        print(f"{name}: loss below 1.7 with {sum(value < 1.7 for value in values)} of {SEEDS} seeds")
