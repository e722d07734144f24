"""What decay does to the gains of LayerNorm, and to accuracy on digits, with one group for all and with two.

Source: torch.optim.AdamW, PyTorch 2.x
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.optimizers.parameter_groups.use import decay_groups

DECAYS, SEEDS, STEPS, LR = [0.0, 0.1, 1.0, 3.0, 10.0], 3, 120, 0.01


def digits() -> tuple[Tensor, Tensor]:
    """Images (1797, 64) from 0 to 1 and labels (1797,)."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)


def train(data: tuple[Tensor, Tensor], decay: float, groups: int, seed: int) -> tuple[list[float], float]:
    """Train on 300 digits with AdamW.

    Args:
        data: images and labels.
        decay: weight decay.
        groups: 1, everything decays; 2, vectors (biases, gains) do not.
        seed: of the split, the weights and the batches.

    Returns:
        Mean gain of the LayerNorm after each step, and accuracy on the other 1,497 digits.
    """
    torch.manual_seed(seed)
    x, y = data
    order = torch.randperm(len(x))
    train_set, test_set = order[:300], order[300:]
    norm = nn.LayerNorm(64)
    model = nn.Sequential(nn.Linear(64, 64), norm, nn.ReLU(), nn.Linear(64, 10))
    parts = decay_groups(model, decay) if groups == 2 else model.parameters()
    optimizer = torch.optim.AdamW(parts, lr=LR, weight_decay=decay)
    gains = []
    for _ in range(STEPS):
        batch = train_set[torch.randint(300, (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
        gains.append(norm.weight.mean().item())
    with torch.no_grad():
        return gains, (model(x[test_set]).argmax(dim=1) == y[test_set]).float().mean().item()


if __name__ == "__main__":
    data = digits()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    rows = [[f"{decay:g}"] for decay in DECAYS]
    results: dict[str, dict[str, list]] = {}
    for groups, marker, label in [(1, "o", "one group: everything decays"), (2, "s", "two groups: vectors do not")]:
        means = []
        results[label] = {
            "accuracy": [],
            "gains": [],
        }  # (decays, seeds); (steps,) at a decay of 1
        for decay, row in zip(DECAYS, rows, strict=True):
            runs = [train(data, decay, groups, seed) for seed in range(SEEDS)]
            accuracy = torch.tensor([run[1] for run in runs])
            results[label]["accuracy"].append(accuracy.tolist())
            means.append(accuracy.mean().item())
            row.append(f"{accuracy.mean():.3f} ± {accuracy.std():.3f}")
            if decay == 1:
                results[label]["gains"] = runs[0][0]
                left.plot(range(1, STEPS + 1), runs[0][0], marker=marker, markevery=20, label=label)
        right.plot(DECAYS, means, marker=marker, label=label)
    left.set(xlabel="step", ylabel="mean gain of LayerNorm", title="weight decay 1", ylim=(0, None))
    right.set(xlabel="weight decay", ylabel="test accuracy", title="digits, 300 to train on")
    right.set_xscale("symlog", linthresh=0.1)
    right.legend(loc="lower left")
    plt.savefig("parameter-groups.svg")
    with Path("parameter-groups.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["weight_decay", "one group", "two groups"], *rows])
    Path("parameter-groups.json").write_text(json.dumps(results))
    print(f"runs: {2 * len(DECAYS) * SEEDS}")
