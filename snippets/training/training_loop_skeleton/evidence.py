"""Test accuracy of one training loop on digits, and of five loops in which one call is missing or in another place.

Source: the loop of this page, with the faults that its table lists.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

EPOCHS, BATCH, SEEDS = 12, 32, 3
LOOPS = {
    "right order": "o-",
    "no zero_grad()": "s--",
    "zero_grad() after backward()": "^:",
    "train() only once": "v-.",
    "no eval()": "d--",
    "scheduler.step() for each batch": "x:",
}


def accuracies(loop: str, seed: int, x: torch.Tensor, y: torch.Tensor) -> list[float]:
    """Accuracy on 1,497 digits after each epoch on 300; the schedule is meant to be stepped once an epoch."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:300], order[300:]
    model = nn.Sequential(nn.Linear(64, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, EPOCHS // 2, gamma=0.1)
    found = []
    for epoch in range(EPOCHS):
        if loop != "train() only once" or epoch == 0:
            model.train()
        for batch in train[torch.randperm(300)].split(BATCH):
            loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
            if loop != "no zero_grad()":
                optimizer.zero_grad()
            loss.backward()
            if loop == "zero_grad() after backward()":
                optimizer.zero_grad()
            optimizer.step()
            if loop == "scheduler.step() for each batch":
                scheduler.step()
        if loop != "scheduler.step() for each batch":
            scheduler.step()
        if loop != "no eval()":
            model.eval()
        with torch.no_grad():
            right = [(model(x[batch]).argmax(dim=1) == y[batch]).sum() for batch in test.split(BATCH)]
        found.append(torch.stack(right).sum().item() / len(test))
    return found


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results, rows = {}, []
    for loop, style in LOOPS.items():
        runs = torch.tensor([accuracies(loop, seed, x, y) for seed in range(SEEDS)])  # (seeds, epochs)
        results[loop] = runs.tolist()
        plt.plot(range(1, EPOCHS + 1), runs.mean(dim=0).tolist(), style, label=loop)
        rows.append([loop, f"{runs[:, -1].mean():.3f} ± {runs[:, -1].std():.3f}"])
    plt.xlabel("epoch")
    plt.ylabel("test accuracy")
    plt.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    plt.tight_layout()
    plt.savefig("training-loop-skeleton.svg")
    with Path("training-loop-skeleton.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["loop", "test accuracy"], *rows])
    Path("training-loop-skeleton.json").write_text(json.dumps(results))
    print(f"right order: {rows[0][1]}")
