"""How fast heavy ball and Nesterov forget an error, for every learning rate: theory as lines, torch as markers.

Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, section 2.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

MU = 0.9


def shrinkage(eta_h: float, nesterov: bool) -> float:
    """Largest root of the recurrence of the error on a quadratic: the error is multiplied by it at each step."""
    middle, last = (1 + MU) * (1 - eta_h), MU * (1 - eta_h)
    if not nesterov:
        middle, last = 1 + MU - eta_h, MU
    matrix = torch.tensor([[middle, -last], [1.0, 0.0]], dtype=torch.float64)
    return torch.linalg.eigvals(matrix).abs().max().item()


def measured(eta_h: float, nesterov: bool) -> float:
    """The same, from 200 steps of torch."""
    theta = torch.ones(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([theta], lr=eta_h, momentum=MU, nesterov=nesterov)
    path = []
    for _ in range(200):
        path.append(theta.item())
        theta.grad = theta.detach().clone()
        optimizer.step()
    errors = torch.tensor(path, dtype=torch.float64)  # float32 cannot square errors below 1e-22
    early, late = errors[80:100].norm(), errors[180:].norm()
    return ((late / early) ** 0.01).item()


def digits_loss(lr: float, nesterov: bool, seed: int, x: Tensor, y: Tensor) -> float:
    """Training loss of a small network after 200 mini-batches of 64 digits."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=MU, nesterov=nesterov)
    for _ in range(200):
        batch = torch.randint(len(x), (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    rates = torch.linspace(0.01, 4, 400).tolist()
    for nesterov, label, style, marker in [(False, "heavy ball", "--", "o"), (True, "Nesterov", "-", "s")]:
        (line,) = plt.plot(rates, [shrinkage(r, nesterov) for r in rates], style, label=label)
        some = [r for r in rates[9::40] if shrinkage(r, nesterov) < 1.1]
        plt.plot(some, [measured(r, nesterov) for r in some], marker, color=line.get_color(), label=f"{label}, torch")
    plt.axhline(1, linestyle=":", color="gray")
    plt.ylim(0, 1.1)
    plt.xlabel("learning rate × curvature")
    plt.ylabel("error after a step / before")
    plt.legend()
    plt.savefig("nesterov-momentum.svg")
    rows, results = [], {}
    for lr in [0.01, 0.1, 1.0]:
        row = [f"{lr:g}"]
        for nesterov in [False, True]:
            losses = torch.tensor([digits_loss(lr, nesterov, seed, x, y) for seed in range(3)])
            results[f"{'Nesterov' if nesterov else 'heavy ball'}, {lr:g}"] = losses.tolist()
            row.append(f"{losses.mean():.3f} ± {losses.std():.3f}")
        rows.append(row)
    with Path("nesterov-momentum.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["learning rate", "heavy ball", "Nesterov"], *rows])
    Path("nesterov-momentum.json").write_text(json.dumps(results))
    print(f"curvature times rate 0.8: heavy ball {shrinkage(0.8, False):.3f}, Nesterov {shrinkage(0.8, True):.3f}")
