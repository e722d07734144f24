"""L-BFGS, Adam and momentum on Rosenbrock by evaluations, and L-BFGS on digits with and without mini-batches.

Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

BUDGET = 600
Make = Callable[..., torch.optim.Optimizer]


def rosenbrock_losses(make: Make) -> list[float]:
    """Best loss so far at each evaluation of a ten-dimensional Rosenbrock function."""
    theta = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    optimizer = make([theta])
    best: list[float] = []

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = ((1 - theta[:-1]) ** 2 + 100 * (theta[1:] - theta[:-1] ** 2) ** 2).sum()
        loss.backward()
        best.append(min(loss.item(), best[-1] if best else float("inf")))
        return loss

    while len(best) < BUDGET:
        before = theta.detach().clone()
        optimizer.step(closure)  # type: ignore[arg-type]
        if torch.equal(before, theta):
            break
    return best[:BUDGET]


def digits_loss(make: Make, batch_size: int, evaluations: int = 150) -> float:
    """Training loss on all digits after 150 evaluations, the batch changing with every step."""
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)  # (images, 64), (images,)
    model = nn.Sequential(nn.Linear(64, 32), nn.Tanh(), nn.Linear(32, 10))
    optimizer = make(model.parameters())
    calls = 0
    while calls < evaluations:
        batch = torch.randperm(len(x))[:batch_size]

        def closure(batch: Tensor = batch) -> Tensor:
            nonlocal calls
            calls += 1
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            loss.backward()
            return loss

        optimizer.step(closure)  # type: ignore[arg-type]
    return nn.functional.cross_entropy(model(x), y).item()


if __name__ == "__main__":
    makes: list[tuple[str, str, Make]] = [
        ("L-BFGS, strong Wolfe", "o-", lambda p: torch.optim.LBFGS(p, line_search_fn="strong_wolfe")),
        ("L-BFGS, fixed step 0.1", "s--", lambda p: torch.optim.LBFGS(p, lr=0.1)),
        ("Adam, lr 0.03", "^-.", lambda p: torch.optim.Adam(p, lr=0.03)),
        ("SGD, lr 0.0003, momentum 0.9", "v:", lambda p: torch.optim.SGD(p, lr=3e-4, momentum=0.9)),
    ]
    results: dict[str, dict] = {"Rosenbrock": {}, "digits": {}}
    for label, style, make in makes:
        results["Rosenbrock"][label] = rosenbrock_losses(make)
        plt.plot(results["Rosenbrock"][label], style, markevery=60, label=label)
    plt.yscale("log")
    plt.ylim(1e-12, 100)
    plt.xlabel("evaluations of loss and gradient")
    plt.ylabel("best loss so far")
    plt.legend(fontsize=8)
    plt.savefig("lbfgs.svg")
    rows = []
    for label, make in [
        ("L-BFGS, strong Wolfe", makes[0][2]),
        ("Adam, lr 0.01", lambda p: torch.optim.Adam(p, lr=0.01)),
    ]:
        losses = [digits_loss(make, size) for size in (1797, 64)]
        results["digits"][label] = losses
        rows.append([label, *(f"{loss:.2g}" for loss in losses)])
    with Path("lbfgs.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["digits, 150 evaluations", "all 1,797 images", "batches of 64"], *rows])
    Path("lbfgs.json").write_text(json.dumps(results))
    print(f"{BUDGET} evaluations on Rosenbrock, 150 on digits")
