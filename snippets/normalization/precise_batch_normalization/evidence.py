"""Test accuracy during training on digits with running averages and with statistics computed anew.

Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3
"""

import copy
import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, EVERY = 3, 100, 10


def network(momentum: float) -> nn.Sequential:
    """Two hidden layers of 48 units with batch normalization."""
    hidden = [nn.Linear(64, 48), nn.BatchNorm1d(48, momentum=momentum), nn.ReLU()]
    more = [nn.Linear(48, 48), nn.BatchNorm1d(48, momentum=momentum), nn.ReLU()]
    return nn.Sequential(*hidden, *more, nn.Linear(48, 10))


@torch.no_grad()
def precise(model: nn.Sequential, x: Tensor) -> nn.Sequential:
    """A copy whose statistics are averages over batches of 100."""
    model = copy.deepcopy(model)
    for layer in model:
        if isinstance(layer, nn.BatchNorm1d):
            layer.reset_running_stats()
            layer.momentum = None
    for batch in x.split(100):
        model(batch)
    return model


@torch.no_grad()
def accuracy(model: nn.Sequential, x: Tensor, y: Tensor) -> float:
    """In evaluation mode."""
    result = (model.eval()(x).argmax(dim=1) == y).float().mean().item()
    model.train()
    return result


def train(momentum: float, is_decayed: bool, seed: int, x: Tensor, y: Tensor) -> list[tuple[float, float]]:
    """Accuracy on 797 digits with running and with precise statistics, every 10 steps."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    model = network(momentum)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, fused=True)
    found = []
    for step in range(STEPS):
        batch = train[torch.randint(1000, (32,))]
        optimizer.param_groups[0]["lr"] = 0.01 * (1 - step / STEPS) if is_decayed else 0.01
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
        if (step + 1) % EVERY == 0:
            found.append((accuracy(model, x[test], y[test]), accuracy(precise(model, x[train]), x[test], y[test])))
    return found


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results: dict[str, list] = {}
    for name, momentum, is_decayed in [("0.1", 0.1, False), ("0.01", 0.01, False), ("0.1, decay", 0.1, True)]:
        results[name] = [train(momentum, is_decayed, seed, x, y) for seed in range(SEEDS)]  # (seeds, times, 2)
    means = {name: torch.tensor(runs).mean(dim=0) for name, runs in results.items()}  # (times, 2)
    steps = range(EVERY, STEPS + 1, EVERY)
    plt.plot(steps, means["0.1"][:, 1].tolist(), "o-", label="computed anew")
    plt.plot(steps, means["0.1"][:, 0].tolist(), "s--", label="running average, momentum 0.1")
    plt.plot(steps, means["0.01"][:, 0].tolist(), "^:", label="running average, momentum 0.01")
    plt.xlabel("training step")
    plt.ylabel("test accuracy")
    plt.legend()
    plt.savefig("precise-batch-normalization.svg")
    names = {
        "0.1": "momentum 0.1",
        "0.01": "momentum 0.01",
        "0.1, decay": "momentum 0.1, learning rate falls to 0",
    }
    rows = [[names[name], *(f"{v:.3f}" for i in (1, 4, 9) for v in mean[i].tolist())] for name, mean in means.items()]
    head = [f"step {step}, {kind}" for step in (20, 50, 100) for kind in ("running", "anew")]
    with Path("precise-batch-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["training", *head], *rows])
    Path("precise-batch-normalization.json").write_text(json.dumps(results))
    print(f"after 20 steps: running {means['0.1'][1, 0]:.2f}, computed anew {means['0.1'][1, 1]:.2f}")
