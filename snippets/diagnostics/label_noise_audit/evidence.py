"""Planted label errors on digits: what five ways to look for them find, and what cleaning is worth.

Source: the comparison of Northcutt et al., "Confident Learning …", 2019, section 5, in the small.
The digits are scikit-learn's.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.diagnostics.label_noise_audit.use import confident_classes

SEEDS, TRAIN, FOLDS, SHARE = 3, 1000, 5, 0.1
NOISES = ("at random", "one class for another")
WAYS = (
    "confident learning",
    "label is not the prediction",
    "a tenth with the least probable label",
    "10 nearest neighbours",
    "confident learning, trained on the same",
)


def planted(y: Tensor, noise: str) -> Tensor:
    """A tenth of the labels changed: to any other class, or 4 to 9, 3 to 8 and 1 to 7, a third of each."""
    if noise == "at random":
        return torch.where(torch.rand(len(y)) < SHARE, (y + torch.randint(1, 10, y.shape)) % 10, y)
    other = torch.tensor([0, 7, 2, 8, 9, 5, 6, 7, 8, 9])
    return torch.where(torch.rand(len(y)) < SHARE / 0.3, other[y], y)


def trained(x: Tensor, y: Tensor, steps: int) -> nn.Module:
    """An MLP after so many steps with 100 samples."""
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3, fused=True)
    for _ in range(steps):
        batch = torch.randint(len(x), (100,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return model.requires_grad_(False)


def confident_issues(p: Tensor, y: Tensor) -> Tensor:
    """Whether a sample belongs to another class with confidence, (samples,)."""
    confident = confident_classes(p, y)
    return (confident >= 0) & (confident != y)


def suspected(x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """For each way to look, whether a label is suspected."""
    p = torch.empty(len(x), 10)
    for part in torch.randperm(len(x)).chunk(FOLDS):
        rest = torch.ones(len(x), dtype=torch.bool)
        rest[part] = False
        p[part] = trained(x[rest], y[rest], 100)(x[part]).softmax(1)
    given = p.gather(1, y[:, None]).flatten()
    near = torch.cdist(x, x).fill_diagonal_(torch.inf).topk(10, largest=False).indices
    memorized = trained(x, y, 800)(x).softmax(1)
    found = [
        confident_issues(p, y),
        p.argmax(1) != y,
        given <= given.kthvalue(int(SHARE * len(y))).values,
        y[near].mode(1).values != y,
        confident_issues(memorized, y),
    ]
    return dict(zip(WAYS, found, strict=True))


if __name__ == "__main__":
    digits = load_digits()
    pixels = torch.tensor(digits.data / 16, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    scores: dict[str, dict[str, list[list[float]]]] = {noise: {way: [] for way in WAYS} for noise in NOISES}
    accuracy: dict[str, dict[str, list[float]]] = {noise: {} for noise in NOISES}
    for noise in NOISES:
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            order = torch.randperm(len(labels))
            x, true = pixels[order[:TRAIN]], labels[order[:TRAIN]]
            y = planted(true, noise)
            found = suspected(x, y)
            wrong = y != true
            for way, flagged in found.items():
                hits = (flagged & wrong).sum().item()
                scores[noise][way].append([hits / max(1, flagged.sum().item()), hits / wrong.sum().item()])
            kept = ~found["confident learning"]
            for name, (chosen, targets) in {
                "labels as given": (kept | True, y),
                "suspected ones removed": (kept, y),
                "true labels": (kept | True, true),
            }.items():
                model = trained(x[chosen], targets[chosen], 300)
                right = model(pixels[order[TRAIN:]]).argmax(1) == labels[order[TRAIN:]]
                accuracy[noise].setdefault(name, []).append(right.float().mean().item())

    plt.figure(figsize=(8, 4))
    rows = [["noise", "way to look", "precision", "recall"]]
    for noise, fill in zip(NOISES, ("full", "none"), strict=True):
        for way, marker in zip(WAYS, "os^vD", strict=True):
            precision, recall = torch.tensor(scores[noise][way]).mean(0).tolist()
            plt.plot(recall, precision, marker, fillstyle=fill, markersize=9, label=f"{way}, {noise}")
            rows.append([noise, way, f"{precision:.2f}", f"{recall:.2f}"])
    plt.xlabel("recall: part of the wrong labels that is found")
    plt.ylabel("precision: part of those found that is wrong")
    plt.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    plt.tight_layout()
    plt.savefig("label-noise-audit.svg")
    table = [["trained on", *NOISES]]
    for name in accuracy[NOISES[0]]:
        table.append([name, *(f"{sum(accuracy[noise][name]) / SEEDS:.3f}" for noise in NOISES)])
    for file, content in (("label-noise-audit.csv", rows), ("label-noise-audit-accuracy.csv", table)):
        with Path(file).open("w", newline="") as out:
            csv.writer(out).writerows(content)
    Path("label-noise-audit.json").write_text(json.dumps({"scores": scores, "accuracy": accuracy}))
    print(f"kinds of noise: {len(NOISES)}, ways to look: {len(WAYS)}, seeds: {SEEDS}")
