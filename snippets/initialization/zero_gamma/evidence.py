"""Signal along a residual network, and training loss at a high learning rate, with the last scale 1 and 0.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

BLOCKS, WIDTH, STEPS, SEEDS, LR = 16, 32, 40, 3, 0.3


class Block(nn.Module):
    """Pre-activation-free residual block of two linear layers with batch normalization."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.layer1, self.layer2 = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(2))
        self.norm1, self.norm2 = (nn.BatchNorm1d(WIDTH) for _ in range(2))
        nn.init.constant_(self.norm2.weight, gamma)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.norm2(self.layer2(torch.relu(self.norm1(self.layer1(x))))))


def run(gamma: float, seed: int, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    """Standard deviation after each block at the start, and the training losses."""
    torch.manual_seed(seed)
    body = [Block(gamma) for _ in range(BLOCKS)]
    model = nn.Sequential(nn.Linear(64, WIDTH), nn.ReLU(), *body, nn.Linear(WIDTH, 10))
    with torch.no_grad():
        signal = model[:2](x[:256])
        stds = [signal.std().item()]
        for block in body:
            signal = block(signal)
            stds.append(signal.std().item())
    optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9)
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return stds, losses


if __name__ == "__main__":
    digits = load_digits()
    x = (torch.tensor(digits.data, dtype=torch.get_default_dtype()) - 4.9) / 6.0
    y = torch.tensor(digits.target)
    rows = [["scale", "std after 16 blocks", "largest loss", "loss of the last 10 steps", "its spread over seeds"]]
    results = {}
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    for gamma, style in ((1.0, "s-"), (0.0, "o--")):
        runs = [run(gamma, seed, x, y) for seed in range(SEEDS)]
        results[f"{gamma:.0f}"] = {"stds": [run[0] for run in runs], "losses": [run[1] for run in runs]}
        stds = torch.tensor([stds for stds, _ in runs])
        losses = torch.tensor([losses for _, losses in runs])
        axes[0].plot(stds.mean(0).tolist(), style, label=f"last scale {gamma:.0f}")
        axes[1].plot(losses.mean(0).tolist(), style, markevery=5, label=f"last scale {gamma:.0f}")
        last = losses[:, -10:].mean(1)
        row = [
            f"{gamma:.0f}",
            f"{stds[:, -1].mean():.2f}",
            f"{losses.max():.1f}",
            f"{last.mean():.2f}",
            f"{last.std():.2f}",
        ]
        rows.append(row)
    axes[0].set(xlabel="block", ylabel="standard deviation", title="at the start")
    axes[1].set(xlabel="step", ylabel="training loss, mean of 3 seeds", title=f"learning rate {LR}")
    axes[1].legend()
    figure.tight_layout()
    plt.savefig("zero-gamma.svg")
    with Path("zero-gamma.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("zero-gamma.json").write_text(json.dumps(results))
