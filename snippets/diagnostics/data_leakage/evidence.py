"""Six ways to split and prepare data: the score that is reported, and the score on data that nobody touched.

Source: the kinds of leakage of Kapoor and Narayanan, "Leakage and the reproducibility crisis …", 2023, in the small.
The digits are scikit-learn's.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, SAMPLES, COPIES = 5, 200, 4


def score(x: Tensor, y: Tensor, train: Tensor, others: list[tuple[Tensor, Tensor]]) -> list[float]:
    """Accuracy on each of the other sets, of an MLP that learned the training rows in 200 steps."""
    model = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in range(200):
        batch = train[torch.randint(len(train), (64,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return [(model(inputs).argmax(1) == targets).float().mean().item() for inputs, targets in others]


def digits() -> tuple[Tensor, Tensor]:
    """Pixels (1797, 64) and labels, in random order."""
    data = load_digits()
    order = torch.randperm(len(data.target))
    return torch.tensor(data.data / 16, dtype=torch.float32)[order], torch.tensor(data.target)[order]


def halves(count: int) -> tuple[Tensor, Tensor]:
    """Random rows: half to train on, half to report on."""
    order = torch.randperm(count)
    return order[: count // 2], order[count // 2 :]


def honest(x: Tensor, y: Tensor, fresh: Tensor, y_fresh: Tensor) -> list[float]:
    """Split at random, nothing else."""
    train, val = halves(len(x))
    return score(x, y, train, [(x[val], y[val]), (fresh, y_fresh)])


def noisy_copies(x: Tensor) -> Tensor:
    """Each sample and three copies of it with noise; copy i of sample j is in row i * samples + j."""
    return torch.cat([x, *(x + 0.05 * torch.randn_like(x) for _ in range(COPIES - 1))])


def augmented_before_split(x: Tensor, y: Tensor, fresh: Tensor, y_fresh: Tensor) -> list[float]:
    """Copies with noise are made first, and the rows split at random afterwards."""
    x, y = noisy_copies(x[: SAMPLES // 2]), y[: SAMPLES // 2].repeat(COPIES)
    train, val = halves(len(x))
    return score(x, y, train, [(x[val], y[val]), (fresh, y_fresh)])


def augmented_split_by_original(x: Tensor, y: Tensor, fresh: Tensor, y_fresh: Tensor) -> list[float]:
    """The same rows, split so that all copies of one sample are on one side."""
    x, y = noisy_copies(x[: SAMPLES // 2]), y[: SAMPLES // 2].repeat(COPIES)
    originals = torch.arange(SAMPLES // 2).repeat(COPIES)
    train, val = (torch.isin(originals, side).nonzero().flatten() for side in halves(SAMPLES // 2))
    return score(x, y, train, [(x[val], y[val]), (fresh, y_fresh)])


def scaled_on_all_rows(x: Tensor, y: Tensor, fresh: Tensor, y_fresh: Tensor) -> list[float]:
    """Mean and standard deviation come from training and validation rows together."""
    mean, std = x.mean(0), x.std(0).clamp(min=0.1)
    return honest((x - mean) / std, y, (fresh - mean) / std, y_fresh)


def selected_on_all_rows(x: Tensor, y: Tensor, fresh: Tensor, y_fresh: Tensor) -> list[float]:
    """Labels are drawn at random, and of 5,000 random columns those that agree with them are kept: 40."""
    y, columns = torch.randint(2, (len(x),)), torch.randn(len(x), 5000)
    best = ((y * 2 - 1.0) @ columns).abs().topk(40).indices
    return honest(columns[:, best], y, torch.randn(1000, 40), torch.randint(2, (1000,)))


def label_in_a_column(x: Tensor, y: Tensor, fresh: Tensor, y_fresh: Tensor) -> list[float]:
    """A column that is filled in after the outcome, and is empty where the network is used."""
    return honest(
        torch.cat([x, 5 * nn.functional.one_hot(y, 10)], dim=1), y, nn.functional.pad(fresh, (0, 10)), y_fresh
    )


PROGRAMS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor], list[float]]] = {
    "no leak": honest,
    "scaled on all rows": scaled_on_all_rows,
    "augmented, then split by original": augmented_split_by_original,
    "augmented, then split at random": augmented_before_split,
    "columns selected on all rows": selected_on_all_rows,
    "label in a column": label_in_a_column,
}

if __name__ == "__main__":
    results: dict[str, list[list[float]]] = {name: [] for name in PROGRAMS}
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        x, y = digits()
        for name, program in PROGRAMS.items():
            results[name].append(program(x[:SAMPLES], y[:SAMPLES], x[SAMPLES:], y[SAMPLES:]))
    places = torch.arange(len(PROGRAMS))
    means = torch.tensor(list(results.values())).mean(1)  # (programs, 2)
    plt.figure(figsize=(8, 4))
    for side, (label, hatch) in enumerate([("reported", ""), ("on fresh data", "//")]):
        plt.barh((places + 0.4 * side).tolist(), means[:, side].tolist(), height=0.4, hatch=hatch, label=label)
    plt.yticks((places + 0.2).tolist(), list(PROGRAMS))
    plt.gca().invert_yaxis()
    plt.xlabel("accuracy")
    plt.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    plt.tight_layout()
    plt.savefig("data-leakage.svg")
    rows = [["program", "reported", "on fresh data", "too much"]]
    for name, (reported, fresh) in zip(PROGRAMS, means.tolist(), strict=True):
        rows.append([name, f"{reported:.2f}", f"{fresh:.2f}", f"{reported - fresh:+.2f}"])
    with Path("data-leakage.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("data-leakage.json").write_text(json.dumps(results))
    print(f"programs: {len(PROGRAMS)}, seeds: {SEEDS}")
