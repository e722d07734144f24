"""A recurrent network on digits, with and without clipping, at learning rates from too small to too large.

Source: Pascanu et al., "On the difficulty of training Recurrent Neural Networks", 2012, section 3.2.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

RATES, SEEDS, STEPS, MAX_NORM, LOST = [0.01, 0.03, 0.1, 0.3, 1.0], 3, 120, 1.0, 3.0


class Rows(nn.Module):
    """Reads an image row by row with a plain recurrent network, and names the digit after the last row."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(8, 32, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (batch, 10) of images (batch, 8 rows, 8 pixels)."""
        return self.head(self.rnn(x)[1][0])


def train(lr: float, max_norm: float, seed: int, x: torch.Tensor, y: torch.Tensor) -> tuple[float, list[float]]:
    """Training loss at the end, and the norm of every gradient before clipping; the loss is inf where it was lost."""
    torch.manual_seed(seed)
    model = Rows()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    norms: list[float] = []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), max_norm).item())
        optimizer.step()
    with torch.no_grad():
        final = nn.functional.cross_entropy(model(x), y).item()
    return (final if math.isfinite(final) else math.inf), norms


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32) / 16  # (1797, 8, 8)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, dict[str, list]] = {}
    rows = [[f"{lr:g}"] for lr in RATES]
    for name, max_norm, style in [("no clipping", math.inf, "s--"), ("norm clipped to 1", MAX_NORM, "o-")]:
        runs = [[train(lr, max_norm, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        losses = [[loss for loss, _ in of_rate] for of_rate in runs]  # (rates, seeds)
        clipped = [sum(norm > MAX_NORM for norm in of_rate[0][1]) for of_rate in runs]  # steps, of the first seed
        results[name] = {"loss": [[None if math.isinf(v) else v for v in row] for row in losses], "clipped": clipped}
        plt.plot(RATES, [min(sorted(row)[SEEDS // 2], LOST) for row in losses], style, label=name)
        for row, of_rate in zip(rows, losses, strict=True):
            row.append(" / ".join("inf" if math.isinf(loss) else f"{loss:.2f}" for loss in of_rate))
    plt.axhline(math.log(10), linestyle=":", color="gray", label="random guessing")
    plt.xscale("log")
    plt.ylim(0, LOST + 0.1)
    plt.xlabel("learning rate")
    plt.ylabel("median training loss of three seeds (top: lost)")
    plt.legend()
    plt.savefig("gradient-clipping.svg")
    with Path("gradient-clipping.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["learning rate", "no clipping", "norm clipped to 1"], *rows])
    Path("gradient-clipping.json").write_text(json.dumps(results))
    shares = [count / STEPS for count in results["norm clipped to 1"]["clipped"]]
    print(f"share of steps that are clipped at {RATES[0]} and {RATES[2]}: {shares[0]:.1f} and {shares[2]:.1f}")
