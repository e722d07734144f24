"""Fine-tuning on five digits of each class, near to the old task and far from it: one rate, layer-wise decay, frozen.

Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018
"""

import csv
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.schedulers.layer_wise_lr_decay.from_scratch import layer_rate

SEEDS, LABELS, STEPS = 6, 5, 60
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
DECAYS = {"one rate": 1.0, "decay 0.7": 0.7, "decay 1/2.6": 1 / 2.6, "only the head": 0.0}
SIZES = (64, 64, 64, 64, 64, 10)
ORDER = torch.randperm(64, generator=torch.Generator().manual_seed(0))
TASKS: dict[str, Callable[[Tensor], Tensor]] = {
    "same images, new head": lambda x: x,
    "grey paper: 1 - x / 2": lambda x: 1 - x / 2,
    "pixels permuted": lambda x: x[..., ORDER.to(x.device)],
}


def forward(weights: list[nn.Parameter], x: Tensor) -> Tensor:  # (seeds, batch, 64) -> (seeds, batch, 10)
    for weight in weights[:-1]:
        x = torch.bmm(x, weight).relu()
    return torch.bmm(x, weights[-1])


def loss(weights: list[nn.Parameter], x: Tensor, y: Tensor) -> Tensor:
    """Mean over the batch, sum over the seeds, which are networks and splits of their own."""
    return SEEDS * nn.functional.cross_entropy(forward(weights, x).transpose(1, 2), y)


def splits(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Images (seeds, 1797, 64), labels, and which 50 of those from 1000 on to fine-tune on, 5 a class (seeds, 50)."""
    images, labels = load_digits(return_X_y=True)
    random = torch.Generator().manual_seed(seed)
    order = torch.stack([torch.randperm(len(labels), generator=random) for _ in range(SEEDS)])
    x, y = (torch.tensor(images, dtype=torch.float32) / 16)[order], torch.tensor(labels)[order]
    few = [torch.cat([torch.nonzero(row[1000:] == c)[:LABELS, 0] for c in range(10)]) for row in y]
    return x, y, torch.stack(few)


def pretrain(x: Tensor, y: Tensor, seed: int = 0) -> list[nn.Parameter]:
    """Networks of five layers, trained on the first 1000 images of each seed."""
    torch.manual_seed(seed)
    weights = [nn.Parameter(torch.randn(SEEDS, i, o) * math.sqrt(2 / i)) for i, o in itertools.pairwise(SIZES)]
    optimizer = torch.optim.AdamW(weights, lr=0.003, weight_decay=0.0)
    for _ in range(300):
        batch = torch.randint(1000, (32,))
        optimizer.zero_grad()
        loss(weights, x[:, batch], y[:, batch]).backward()
        optimizer.step()
    return weights


def fine_tune(
    weights: list[nn.Parameter], data: tuple[Tensor, Tensor, Tensor], task: str, lr: float, decay: float, seed: int = 0
) -> Tensor:
    """Give the networks a new head and train all layers, the head at ``lr``, each lower one at ``decay`` of the next.

    Args:
        weights: of the old task; not changed.
        data: from ``splits``.
        task: one of TASKS.
        lr: rate of the head; falls in a line to zero.
        decay: 1 for one rate, 0 to freeze all but the head.
        seed: of the new heads.

    Returns:
        accuracy of each network on the images from 1000 on that it was not fine-tuned on, (seeds,).
    """
    torch.manual_seed(seed)
    x, y, few = data
    x, y = TASKS[task](x[:, 1000:]), y[:, 1000:]  # (seeds, 797, 64), (seeds, 797)
    head = nn.Parameter(torch.randn(SEEDS, SIZES[-2], 10) / math.sqrt(SIZES[-2]))
    new = [nn.Parameter(weight.detach().clone(), requires_grad=decay > 0) for weight in weights[:-1]] + [head]
    groups = [{"params": [w], "lr": layer_rate(number, len(new), lr, decay)} for number, w in enumerate(new, start=1)]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=STEPS)
    rows = torch.arange(SEEDS).unsqueeze(1)
    few_x, few_y = x[rows, few], y[rows, few]  # (seeds, 50, 64), (seeds, 50)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss(new, few_x, few_y).backward()
        optimizer.step()
        scheduler.step()
    held_out = torch.ones_like(y, dtype=torch.bool)
    held_out[rows, few] = False
    with torch.no_grad():
        right = forward(new, x).argmax(2) == y
    return (right & held_out).sum(1) / held_out.sum(1)


if __name__ == "__main__":
    data = splits()
    weights = pretrain(data[0], data[1])
    figure, axes = plt.subplots(1, 3, figsize=(9, 3.6), layout="constrained", sharey=True)
    rows = [[name] for name in DECAYS]
    results: dict[str, dict[str, list[float]]] = {task: {} for task in TASKS}
    for axis, task in zip(axes, TASKS, strict=True):
        for (name, decay), row, marker in zip(DECAYS.items(), rows, "os^D", strict=True):
            accuracy = [fine_tune(weights, data, task, lr, decay) for lr in RATES]
            means = [each.mean().item() for each in accuracy]
            results[task][name] = means
            axis.plot(RATES, means, marker=marker, label=name)
            best = max(range(len(RATES)), key=means.__getitem__)
            row.append(f"{means[best]:.3f} ± {accuracy[best].std():.3f} (rate {RATES[best]})")
        axis.set(xscale="log", xlabel="rate of the head", title=task)
    axes[0].set(ylabel="test accuracy")
    axes[0].legend(fontsize="small", loc="lower left")
    plt.savefig("layer-wise-lr-decay.svg")
    with Path("layer-wise-lr-decay.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["rates", *TASKS], *rows])
    Path("layer-wise-lr-decay.json").write_text(json.dumps(results))
    print(f"networks {SEEDS}, images to fine-tune on {10 * LABELS}, updates {STEPS}")
