"""Singular values of 30 layers, linear and ReLU, under orthogonal and normal weights, and training of both.

Source: Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2013.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, WIDTH, DEPTH = 6, 40, 64, 30
CASES = [
    ("linear, orthogonal", True, False),
    ("linear, normal", False, False),
    ("ReLU, orthogonal", True, True),
    ("ReLU, normal", False, True),
]


def network(orthogonal: bool, relu: bool, seed: int) -> nn.Sequential:
    """DEPTH square layers; both kinds of weight have mean square gain^2 / WIDTH."""
    torch.manual_seed(seed)
    gain = math.sqrt(2) if relu else 1.0
    layers: list[nn.Module] = []
    for _ in range(DEPTH):
        linear = nn.Linear(WIDTH, WIDTH, bias=False)
        if orthogonal:
            nn.init.orthogonal_(linear.weight, gain)
        else:
            nn.init.normal_(linear.weight, std=gain / math.sqrt(WIDTH))
        layers += [linear] + [nn.ReLU()] * relu
    return nn.Sequential(*layers)


def train(body: nn.Sequential, x: Tensor, y: Tensor, lr: float = 0.01) -> float:
    """Loss after STEPS steps of gradient descent with a linear read-out."""
    model = nn.Sequential(body, nn.Linear(WIDTH, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, fused=True)
    for _ in range(STEPS):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


def load() -> tuple[Tensor, Tensor]:
    """128 digits, standardized as a whole: (images, pixels) and labels."""
    digits = load_digits()
    x = torch.tensor(digits.data[:128], dtype=torch.float32)
    return (x - x.mean()) / x.std(), torch.tensor(digits.target[:128])


def singular_values(body: nn.Sequential, x: Tensor) -> Tensor:
    """Those of the Jacobian at one image (pixels,), the largest first; below 1e-18 they are cut."""
    jacobian = torch.func.jacrev(body.double())(x.double())  # (out, in)
    return torch.linalg.svdvals(jacobian).clamp(min=1e-18)


if __name__ == "__main__":
    x, y = load()
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    rows, results = [], {}
    for (name, orthogonal, relu), style, marker in zip(
        CASES, ["-", "-", "--", "--"], ["o", "s", "^", "v"], strict=True
    ):
        values = singular_values(network(orthogonal, relu, 0), x[0])
        axis.semilogy(range(1, WIDTH + 1), values.tolist(), style, marker=marker, markevery=6, label=name)
        losses = [train(network(orthogonal, relu, seed), x, y) for seed in range(SEEDS)]
        results[name] = {"singular values": values.tolist(), "losses": losses}
        shown = [sum(losses) / SEEDS, min(losses), max(losses)]
        rows.append([name, f"{values[9] / values[0]:.0e}", *(f"{loss:.2f}" for loss in shown)])
    axis.set(xlabel="number of the singular value", ylabel="singular value", ylim=(1e-18, 1e2))
    axis.legend()
    plt.savefig("orthogonal-init.svg")
    with Path("orthogonal-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        head = ["network", "tenth singular value : largest", f"mean loss after {STEPS} steps", "lowest", "highest"]
        table.writerow(head)
        table.writerows(rows)
    Path("orthogonal-init.json").write_text(json.dumps(results))
    for row in rows:
        print(f"{row[0]}: mean training loss {float(row[2]):.1f}")
