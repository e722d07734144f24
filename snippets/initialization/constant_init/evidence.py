"""One constant decides: a highway network of 20 layers on digits with its gate biases at -4, -2 and 0.

Source: Srivastava et al., "Highway Networks", 2015; the experiment is this guide's.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

DEPTH, STEPS, EVERY, SEEDS = 20, 30, 5, range(2)


class Highway(nn.Module):
    """t * relu(H x) + (1 - t) * x with the gate t = sigmoid(T x + b); (batch, 32) -> (batch, 32)."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.transform, self.gate = nn.Linear(32, 32), nn.Linear(32, 32)
        nn.init.kaiming_normal_(self.transform.weight, nonlinearity="relu")
        nn.init.zeros_(self.transform.bias)
        nn.init.constant_(self.gate.bias, bias)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(x))
        return gate * torch.relu(self.transform(x)) + (1 - gate) * x


def run(bias: float, seed: int, x: Tensor, y: Tensor) -> list[float]:
    """Test accuracy every EVERY steps of SGD with momentum on batches of 128."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), *[Highway(bias) for _ in range(DEPTH)], nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, fused=True)
    curve = []
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                curve.append((model(x[1280:]).argmax(1) == y[1280:]).float().mean().item())
        at = slice(step % 10 * 128, step % 10 * 128 + 128)
        loss = nn.functional.cross_entropy(model(x[at]), y[at])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return curve


def load() -> tuple[Tensor, Tensor]:
    """Digits in a fixed random order: (n, 64) in [-1, 1], and their classes."""
    digits = load_digits()
    torch.manual_seed(0)
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.data, dtype=torch.get_default_dtype())[order] / 8 - 1
    return x, torch.tensor(digits.target)[order]


if __name__ == "__main__":
    x, y = load()
    steps = list(range(0, STEPS + 1, EVERY))
    rows = [["gate bias", "gate open at the start", *[f"step {step}" for step in steps[::2]]]]
    results = {}
    for bias, style in ((-4.0, "o-"), (-2.0, "s--"), (0.0, "^-.")):
        results[f"{bias}"] = [run(bias, seed, x, y) for seed in SEEDS]
        mean = torch.tensor(results[f"{bias}"]).mean(0).tolist()
        plt.plot(steps, mean, style, label=f"gate bias {bias:+.0f}")
        opened = torch.sigmoid(torch.tensor(bias)).item()
        rows.append([f"{bias:+.0f}", f"{opened:.0%}", *[f"{value:.2f}" for value in mean[::2]]])
    plt.xlabel("step")
    plt.ylabel("accuracy on unseen digits")
    plt.legend()
    plt.savefig("constant-init.svg")
    with Path("constant-init.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("constant-init.json").write_text(json.dumps(results))
    print(f"gate bias -4: accuracy {rows[1][-1]} after {STEPS} steps; gate bias 0: {rows[3][-1]}")
