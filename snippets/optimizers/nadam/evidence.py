"""NAdam against Adam: the same learning rates, the same digits, the same seeds.

Source: Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, SEEDS = 60, 3
RATES = (1e-3, 4e-3, 1.6e-2, 6.4e-2, 0.256)


def final_loss(optimizer_class: type[torch.optim.Optimizer], lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss over all digits after ``STEPS`` batches of 128."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = optimizer_class(model.parameters(), lr=lr)  # type: ignore[call-arg]
    for _ in range(STEPS):
        rows = torch.randint(len(x), (128,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), y[rows])
        loss.backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


def scheduled_momentum(step: int, momentum_decay: float) -> float:
    """torch's mu of a step, for beta1 = 0.9."""
    return 0.9 * (1 - 0.5 * 0.96 ** (step * momentum_decay))


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    rows, results = [], {}
    for name, kind, style in (("Adam", torch.optim.Adam, "o--"), ("NAdam", torch.optim.NAdam, "s-")):
        losses = torch.tensor([[final_loss(kind, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES])
        left.errorbar(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), fmt=style, capsize=3, label=name)
        results[name] = losses.tolist()  # (rates, seeds)
        spread = zip(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), strict=True)
        rows += [[name, f"{lr:g}", f"{mean:.2f}", f"{std:.2f}"] for lr, mean, std in spread]
    left.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    left.legend()
    steps = range(1, 3001)
    for decay, dashes in ((0.0, ":"), (4e-3, "-"), (4e-2, "--")):
        right.plot(steps, [scheduled_momentum(t, decay) for t in steps], dashes, label=f"momentum_decay={decay:g}")
    right.set(xlabel="step", ylabel="scheduled momentum", ylim=(0.4, 0.95))
    right.legend(loc="center right")
    figure.tight_layout()
    plt.savefig("nadam.svg")
    with Path("nadam.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["optimizer", "learning rate", "mean loss", "std over 3 seeds"], *rows])
    Path("nadam.json").write_text(json.dumps(results))
    print("runs:", 2 * SEEDS * len(RATES))
