"""Margins of new points on the paper's example, and tuned SGD, Adam and AdamW on 300 digits.

Source: Wilson et al., "The Marginal Value of Adaptive Gradient Methods in Machine Learning", 2017, section 3.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.optimizers.adaptive_vs_sgd.use import example

TRAIN, SEEDS, STEPS = 20, 4, 120
LABELS = [1.0] * 12 + [-1.0] * 8 + [1.0, -1.0] * 20  # 20 points to train on, then 40 new ones
MARKERS = ["o", "s", "^", "v", "D"]
EXAMPLE = {  # name: class, settings
    "SGD, momentum 0.9": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "RMSprop": (torch.optim.RMSprop, {"lr": 0.003}),
    "Adam": (torch.optim.Adam, {"lr": 0.01}),
    "Adam, weight_decay 0.01": (torch.optim.Adam, {"lr": 0.01, "weight_decay": 0.01}),
    "AdamW, weight_decay 0.1": (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.1}),
}
DIGITS = {
    "SGD, momentum 0.9": (torch.optim.SGD, {"momentum": 0.9}, [0.01, 0.03, 0.1, 0.3, 1.0]),
    "Adam": (torch.optim.Adam, {}, [0.001, 0.003, 0.01, 0.03, 0.1]),
    "AdamW, weight_decay 0.1": (torch.optim.AdamW, {"weight_decay": 0.1}, [0.001, 0.003, 0.01, 0.03, 0.1]),
}


def new_margins(optimizer_class: type, settings: dict, batch: int, marks: list[int]) -> tuple[Tensor, float]:
    """Margins y <w, x> of the new points at some steps, and the share of training points that are right at the last.

    Args:
        optimizer_class: what trains the 303 weights, from 0.
        settings: its settings.
        batch: points in a step; 20 is all of them.
        marks: steps at which to look, rising.

    Returns:
        margins, (marks, new points), positive for a point that is right; and the share.
    """
    torch.manual_seed(0)
    y = torch.tensor(LABELS, dtype=torch.float64)
    x = example(y)
    w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    optimizer = optimizer_class([w], **settings)
    margins = []
    for step in range(1, marks[-1] + 1):
        part = torch.randperm(TRAIN)[:batch]
        optimizer.zero_grad()
        (x[part] @ w - y[part]).square().mean().backward()
        optimizer.step()
        if step in marks:
            margins.append((x[TRAIN:] @ w * y[TRAIN:]).detach())
    return torch.stack(margins), (x[:TRAIN] @ w * y[:TRAIN] > 0).double().mean().item()


def digits_accuracy(optimizer_class: type, settings: dict, lr: float) -> Tensor:
    """Accuracy on the 1,497 digits not trained on, (seeds,); the seeds' networks are trained as one stack."""
    torch.manual_seed(0)
    images, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)  # (images, 64), (images,)
    order = torch.stack([torch.randperm(len(x)) for _ in range(SEEDS)])  # a split for each seed
    train, test = order[:, :300], order[:, 300:]
    shapes = [(64, 64), (64, 10)]
    weights = [(torch.randn(SEEDS, *shape) * math.sqrt(2 / shape[0])).requires_grad_() for shape in shapes]
    biases = [torch.zeros(SEEDS, 1, shape[1], requires_grad=True) for shape in shapes]
    optimizer = optimizer_class([*weights, *biases], lr=lr, **settings)

    def logits(inputs: Tensor) -> Tensor:  # (seeds, batch, 64) -> (seeds, batch, 10)
        return torch.relu(inputs @ weights[0] + biases[0]) @ weights[1] + biases[1]

    for _ in range(STEPS):
        batch = train.gather(1, torch.randint(300, (SEEDS, 64)))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(logits(x[batch]).mT, y[batch], reduction="none").mean(dim=1).sum()
        loss.backward()  # a sum: no network's gradient depends on another network
        optimizer.step()
    with torch.no_grad():
        return (logits(x[test]).argmax(dim=-1) == y[test]).float().mean(dim=1)


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.2), layout="constrained")
    marks = sorted({round(10 ** (k / 8)) for k in range(23)})  # 1 .. 562
    results: dict[str, dict] = {"margins": {}, "margins, batches of 5": {}, "right": {}, "accuracy": {}}
    rows = []
    for (name, (optimizer_class, settings)), marker in zip(EXAMPLE.items(), MARKERS, strict=True):
        margins, trained = new_margins(optimizer_class, settings, TRAIN, marks)
        left.plot(marks, margins.amin(dim=1).tolist(), marker=marker, markevery=3, label=name)
        batched, _ = new_margins(optimizer_class, settings, 5, marks)
        if name == "Adam":
            left.plot(marks, batched.amin(dim=1).tolist(), marker="x", markevery=3, label="Adam, batches of 5")
        shares = [(m[-1] > 0).double().mean().item() for m in (margins, batched)]
        results["margins"][name] = margins.amin(dim=1).tolist()
        results["margins, batches of 5"][name] = batched.amin(dim=1).tolist()
        results["right"][name] = [trained, *shares]
        rows.append([name, f"{trained:.0%}", *(f"{share:.0%}" for share in shares)])
    left.axhline(0, linestyle=":", linewidth=1, color="C6")
    left.set(
        xscale="log",
        xlabel="step",
        ylabel="smallest margin of a new point",
        title="the paper's example",
        ylim=(-0.4, 2.7),
    )
    left.legend(loc="upper left", fontsize="small")
    with Path("adaptive-vs-sgd.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["optimizer", "training points right", "new points right", "new points right, batches of 5"]
        csv.writer(file).writerows([head, *rows])
    rows = []
    for (name, (optimizer_class, settings, rates)), marker in zip(DIGITS.items(), MARKERS, strict=False):
        runs = [digits_accuracy(optimizer_class, settings, lr) for lr in rates]  # one (seeds,) for each rate
        results["accuracy"][name] = {
            str(lr): run.tolist() for lr, run in zip(rates, runs, strict=True)
        }  # (seeds,) each
        means = [run.mean().item() for run in runs]
        right.plot(rates, means, marker=marker, label=name)
        best = max(range(len(rates)), key=means.__getitem__)
        rows.append([name, f"{rates[best]:g}", f"{means[best]:.3f} ± {runs[best].std():.3f}"])
    right.set(xscale="log", xlabel="learning rate", ylabel="test accuracy", title="digits, 300 to train on")
    right.legend(loc="lower center", fontsize="small")
    figure.savefig("adaptive-vs-sgd.svg")
    with Path("adaptive-vs-sgd-digits.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["optimizer", "best rate", "test accuracy"], *rows])
    Path("adaptive-vs-sgd.json").write_text(json.dumps(results))
    accuracies = [float(row[2].split()[0]) for row in rows]
    print(f"digits, best rates: accuracies within 0.02 of each other: {max(accuracies) - min(accuracies) < 0.02}")
