"""AMSGrad and Adam: the paper's counter-example, and digits.

Source: Reddi et al., "On the Convergence of Adam and Beyond", 2018, section 3.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, SEEDS = 60, 3
RATES = (1e-3, 4e-3, 1.6e-2, 6.4e-2)


def counter_example(amsgrad: bool, c: float = 3.0, steps: int = 1000, lr: float = 0.05) -> list[float]:
    """Slope c at every third step and -1 else, on [-1, 1]: the average slope is positive, so the best point is -1."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([p], lr=lr, betas=(0.0, 1 / (1 + c * c)), amsgrad=amsgrad)
    path = []
    for step in range(1, steps + 1):
        p.grad = torch.tensor([c if step % 3 == 1 else -1.0])
        optimizer.step()
        with torch.no_grad():
            p.clamp_(-1, 1)
        path.append(p.item())
    return path


def final_loss(amsgrad: bool, lr: float, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss over all digits after ``STEPS`` batches of 128."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, amsgrad=amsgrad)
    for _ in range(STEPS):
        rows = torch.randint(len(x), (128,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["optimizer", "counter-example, end", *(f"digits loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, amsgrad, style in (("Adam", False, "o--"), ("AMSGrad", True, "s-")):
        path = counter_example(amsgrad)
        left.plot(path, style[1:], label=name)
        losses = torch.tensor([[final_loss(amsgrad, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES])
        right.errorbar(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), fmt=style, capsize=3, label=name)
        results[name] = {"path": path, "losses": losses.tolist()}  # losses (rates, seeds)
        table.append([name, f"{path[-1]:.1f}", *(f"{mean:.2f}" for mean in losses.mean(1).tolist())])
    left.axhline(-1, linestyle=":", linewidth=1)
    left.set(xlabel="step", ylabel="position (best: -1)", ylim=(-1.1, 1.1))
    right.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    left.legend()
    right.legend()
    figure.tight_layout()
    plt.savefig("amsgrad.svg")
    with Path("amsgrad.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("amsgrad.json").write_text(json.dumps(results))
    print("runs:", 2 * SEEDS * len(RATES))
