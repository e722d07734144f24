"""What restarts do to the loss: a jump at the second, and at the end about as good as one long cosine.

Source: Loshchilov and Hutter, "SGDR", 2016; digits from scikit-learn, a small MLP, fifteen networks side by side.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, CosineAnnealingWarmRestarts, LRScheduler

STEPS, PEAK, NETWORKS = 210, 0.5, 15
SCHEDULES: dict[str, Callable[[torch.optim.Optimizer], LRScheduler]] = {
    "restarts, 30 + 60 + 120": lambda optimizer: CosineAnnealingWarmRestarts(optimizer, T_0=30, T_mult=2),
    "one cosine, 210": lambda optimizer: CosineAnnealingLR(optimizer, T_max=STEPS),
}


def train(make: Callable[[torch.optim.Optimizer], LRScheduler], seed: int = 0) -> tuple[list[float], list[float]]:
    """The rate of each update, and before it the median over NETWORKS of the loss over all training digits."""
    torch.manual_seed(seed)
    data = load_digits()
    x = torch.tensor(data.data[:500], dtype=torch.get_default_dtype()) / 16  # (digits, pixels)
    y = torch.tensor(data.target[:500])

    def new(fan_in: int, *shape: int) -> nn.Parameter:  # as nn.Linear draws weight and bias
        return nn.Parameter(torch.empty(NETWORKS, *shape).uniform_(-(fan_in**-0.5), fan_in**-0.5))

    w1, b1, w2, b2 = new(64, 64, 32), new(64, 1, 32), new(32, 32, 10), new(32, 1, 10)
    optimizer = torch.optim.SGD([w1, b1, w2, b2], lr=PEAK)
    scheduler = make(optimizer)

    def losses(x: Tensor, y: Tensor) -> Tensor:  # (networks, batch, 64), (networks, batch) -> (networks,)
        logits = torch.baddbmm(b2, torch.baddbmm(b1, x, w1).relu(), w2)
        return nn.functional.cross_entropy(logits.transpose(1, 2), y, reduction="none").mean(1)

    rates, medians = [], []
    for _ in range(STEPS):
        with torch.no_grad():
            medians.append(losses(x.expand(NETWORKS, -1, -1), y.expand(NETWORKS, -1)).median().item())
        rates.append(float(scheduler.get_last_lr()[0]))
        batch = torch.randint(len(x), (NETWORKS, 16))
        optimizer.zero_grad()
        losses(x[batch], y[batch]).sum().backward()
        optimizer.step()
        scheduler.step()
    return rates, medians


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
    rows, medians = [], {}
    for (name, make), marker in zip(SCHEDULES.items(), "os", strict=True):
        rates, middle = train(make)
        medians[name] = middle
        left.plot(rates, marker=marker, markevery=30, label=name)
        right.plot(middle, marker=marker, markevery=30, label=name)
        rows.append([name, *(f"{middle[step]:.3f}" for step in (29, 35, 89, 95, STEPS - 1))])
    left.set(xlabel="update", ylabel="learning rate")
    left.legend(fontsize="small")
    right.set(xlabel="update", ylabel="training loss", yscale="log", title="digits, median of 15 networks")
    figure.tight_layout()
    plt.savefig("cosine-warm-restarts.svg")
    with Path("cosine-warm-restarts.csv").open("w", newline="") as file:
        head = ["schedule", "loss at 29", "at 35", "at 89", "at 95", "at 209"]
        csv.writer(file).writerows([head, *rows])
    Path("cosine-warm-restarts.json").write_text(json.dumps(medians))
    print("loss at the end:", ", ".join(f"{row[0]}: {float(row[-1]):.2f}" for row in rows))
