"""What is left of a weight under decay, against the noise in its gradient: Adam's L2 penalty and AdamW's decay.

Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

LR, DECAY, STEPS = 0.01, 0.1, 1000


def weight_left(optimizer_class: type, noise: torch.Tensor) -> torch.Tensor:
    """Mean over 400 weights that start at 1 and get pure noise as gradient; one result for each noise level."""
    torch.manual_seed(0)
    theta = torch.ones(400, len(noise), requires_grad=True)  # (weights, noise levels)
    optimizer = optimizer_class([theta], lr=LR, weight_decay=DECAY)
    for _ in range(STEPS):
        theta.grad = noise * torch.randn_like(theta)
        optimizer.step()
    return theta.detach().mean(dim=0)


def test_accuracy(optimizer_class: type, decay: float, seed: int, x: torch.Tensor, y: torch.Tensor) -> float:
    """Accuracy on 1,497 digits after training on 300."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:300], order[300:]
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = optimizer_class(model.parameters(), lr=0.01, weight_decay=decay)
    for _ in range(100):
        batch = train[torch.randint(300, (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    noise = torch.logspace(-3, 2, 16)
    results: dict[str, dict[str, list]] = {}
    for optimizer_class, style, label in [
        (torch.optim.Adam, "s--", "Adam(weight_decay=0.1)"),
        (torch.optim.AdamW, "o-", "AdamW(weight_decay=0.1)"),
    ]:
        left = weight_left(optimizer_class, noise).tolist()
        plt.plot(noise.tolist(), left, style, label=label)
        results[optimizer_class.__name__] = {"weight left": left, "accuracy": []}  # accuracy (decays, seeds)
    plt.axhline((1 - LR * DECAY) ** STEPS, linestyle=":", color="gray", label=r"$(1-\eta\lambda)^{1000}$")
    plt.xscale("log")
    plt.xlabel("standard deviation of the gradient")
    plt.ylabel("mean weight after 1,000 steps (start 1)")
    plt.legend()
    plt.savefig("adamw.svg")
    rows = []
    for decay in [0.0, 0.01, 0.1, 1.0]:
        row = [f"{decay:g}"]
        for optimizer_class in [torch.optim.Adam, torch.optim.AdamW]:
            runs = torch.tensor([test_accuracy(optimizer_class, decay, seed, x, y) for seed in range(3)])
            results[optimizer_class.__name__]["accuracy"].append(runs.tolist())
            row.append(f"{runs.mean():.3f} ± {runs.std():.3f}")
        rows.append(row)
    with Path("adamw.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["weight_decay", "Adam (L2)", "AdamW"], *rows])
    Path("adamw.json").write_text(json.dumps(results))
    print(f"closed form: {(1 - LR * DECAY) ** STEPS:.2f} of the weight is left")
