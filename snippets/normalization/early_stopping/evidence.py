"""Early stopping on 150 digits, with wrong labels and with right ones: patience 1, 3 and 10, and none.

Source: Prechelt, "Early Stopping - But When?", 1998.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.early_stopping.from_scratch import stopped_at

SEEDS, EPOCHS, PATIENCES = 3, 40, [1, 3, 10]


def train(share: float, seed: int, x: Tensor, y: Tensor) -> dict[str, list[float]]:
    """Validation loss and test accuracy of each epoch; a share of training and validation labels is drawn at random."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    drawn = torch.where(torch.rand(250) < share, torch.randint(10, (250,)), y[order[:250]])
    (x_train, y_train), (x_val, y_val) = (x[order[:150]], drawn[:150]), (x[order[150:250]], drawn[150:])
    x_test, y_test = x[order[250:]], y[order[250:]]
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    log: dict[str, list[float]] = {"loss": [], "accuracy": []}
    for _ in range(EPOCHS):
        for batch in torch.randperm(150).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x_train[batch]), y_train[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            log["loss"].append(nn.functional.cross_entropy(model(x_val), y_val).item())
            log["accuracy"].append((model(x_test).argmax(dim=1) == y_test).float().mean().item())
    return log


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results, rows = {}, []
    for name, share, style in [("30% random labels", 0.3, "o-"), ("right labels", 0.0, "s--")]:
        runs = [train(share, seed, x, y) for seed in range(SEEDS)]
        results[name] = runs
        plt.plot(
            range(1, EPOCHS + 1), runs[0]["loss"], style, markevery=[stopped_at(runs[0]["loss"], 10)[1]], label=name
        )
        for patience in [*PATIENCES, EPOCHS]:
            ends = [stopped_at(run["loss"], patience) for run in runs]
            kept, last = (
                torch.tensor([run["accuracy"][end[i]] for run, end in zip(runs, ends, strict=True)]) for i in (1, 0)
            )
            epochs = sum(end[0] + 1 for end in ends) / SEEDS
            rows.append(
                [
                    name,
                    "none" if patience == EPOCHS else patience,
                    f"{epochs:.0f}",
                    f"{kept.mean():.3f}",
                    f"{last.mean():.3f}",
                ]
            )
    plt.xlabel("epoch")
    plt.ylabel("validation loss")
    plt.legend()
    plt.savefig("early-stopping.svg")
    with Path("early-stopping.csv").open("w", newline="") as file:
        head = ["labels", "patience", "epochs trained", "accuracy, best epoch", "accuracy, last epoch"]
        csv.writer(file).writerows([head, *rows])
    Path("early-stopping.json").write_text(json.dumps(results))
