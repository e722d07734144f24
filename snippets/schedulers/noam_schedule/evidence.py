"""The paper's rate for three warm-ups; one inverse square root run on digits, stopped anywhere, against cosine runs.

Source: Vaswani et al., "Attention Is All You Need", 2017, equation 3
"""

import copy
import csv
import json
import math
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.schedulers.noam_schedule.from_scratch import learning_rate

LENGTHS, WARMUP, NETWORKS = (75, 150, 300, 600), 20, 4
Watch = list[tuple[int, float]]


def constant(step: int) -> float:
    return min(1.0, (step + 1) / WARMUP)


def inverse_sqrt(step: int) -> float:
    return learning_rate(step, 1.0, WARMUP)


class Run:
    """Networks on digits of which half the pixels are hidden, anew at each look, so that nothing can be memorized."""

    def __init__(self, lr: float, seed: int = 0) -> None:
        self.random = torch.Generator().manual_seed(seed)
        images, labels = load_digits(return_X_y=True)
        order = torch.randperm(len(images), generator=self.random)
        self.x = torch.tensor(images, dtype=torch.float32)[order] / 16  # (1797, 64)
        self.y = torch.tensor(labels)[order]
        self.test = self.hide(self.x[1200:].repeat(3, 1)), self.y[1200:].repeat(3)
        sizes = ((64, 64), (64, 64), (64, 10))
        self.weights = [
            nn.Parameter(torch.randn(NETWORKS, i, o, generator=self.random) * math.sqrt(2 / i)) for i, o in sizes
        ]
        self.optimizer = torch.optim.AdamW(self.weights, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)
        self.lr, self.updates = lr, 0

    def hide(self, x: Tensor) -> Tensor:
        return x * (torch.rand(x.shape, generator=self.random) > 0.5)

    def losses(self, x: Tensor, y: Tensor) -> Tensor:  # (networks, batch, 64), (networks, batch) -> (networks,)
        for weight in self.weights[:-1]:
            x = torch.bmm(x, weight).relu()
        logits = torch.bmm(x, self.weights[-1]).transpose(1, 2)
        return nn.functional.cross_entropy(logits, y, reduction="none").mean(1)

    def test_loss(self) -> float:
        """Mean over the networks, on digits not trained on."""
        x, y = self.test
        with torch.no_grad():
            return self.losses(x.expand(NETWORKS, -1, -1), y.expand(NETWORKS, -1)).mean().item()

    def go(self, until: int, factor: Callable[[int], float], watch: Watch | None = None) -> "Run":
        """Train up to update ``until``; every 15 updates the test loss goes into ``watch``."""
        while self.updates < until:
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr * factor(self.updates)
            batch = torch.randint(1200, (NETWORKS, 16), generator=self.random)
            self.optimizer.zero_grad()
            self.losses(self.hide(self.x[batch]), self.y[batch]).sum().backward()
            self.optimizer.step()
            self.updates += 1
            if watch is not None and self.updates % 15 == 0:
                watch.append((self.updates, self.test_loss()))
        return self


def cosine(lr: float, length: int, seed: int = 0) -> float:
    """Test loss of a run of its own for one length: warm-up, then half a cosine to zero."""

    def factor(step: int) -> float:
        return constant(step) * (1 + math.cos(math.pi * max(0, step - WARMUP) / (length - WARMUP))) / 2

    return Run(lr, seed).go(length, factor).test_loss()


def open_ended(lr: float, factor: Callable[[int], float], seed: int = 0) -> tuple[Watch, list[float]]:
    """One run through all lengths; and the test losses of its copies whose rate falls to zero in the last fifth.

    Returns:
        (update, test loss) every 15 updates, and a test loss for each of LENGTHS.
    """
    run, watch, cooled = Run(lr, seed), Watch(), []
    for length in LENGTHS:
        start = length - length // 5
        run.go(start, factor, watch)
        fall = copy.deepcopy(run).go(length, lambda t, a=start, b=length: factor(t) * (b - t) / (b - a))  # type: ignore[misc]
        cooled.append(fall.test_loss())
        run.go(length, factor, watch)
    return watch, cooled


if __name__ == "__main__":
    lr = 0.016
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    for warmup, style in ((1000, "-"), (4000, "--"), (16000, ":")):
        numbers = range(100, 40001, 100)
        rates = [learning_rate(number - 1, 1.0, warmup, d_model=512) for number in numbers]
        left.plot(numbers, rates, style, label=f"warm-up {warmup}: peak {max(rates):.1e}")
    rows, results = [], {}
    for label, factor, style in (("constant", constant, "--"), ("inverse square root", inverse_sqrt, "-")):
        watch, cooled = open_ended(lr, factor)
        right.plot(*zip(*watch, strict=True), style, label=f"{label}: one run")
        results[label] = {"one run": [dict(watch)[length] for length in LENGTHS], "last fifth to zero": cooled}
        rows.append([f"{label}, one run", *(f"{dict(watch)[length]:.3f}" for length in LENGTHS)])
        rows.append([f"{label}, last fifth to zero", *(f"{loss:.3f}" for loss in cooled)])
    right.plot(LENGTHS, cooled, "o", label="its last fifth to zero")
    planned = [cosine(lr, length) for length in LENGTHS]
    right.plot(LENGTHS, planned, "s", markerfacecolor="none", markersize=10, label="a cosine run each")
    results["cosine"] = {"a run for each length": planned}
    rows.append(["cosine, a run for each length", *(f"{loss:.3f}" for loss in planned)])
    left.set(xlabel="update", ylabel="learning rate", title="the paper's formula, width 512", ylim=(0, 1.9e-3))
    right.set(xlabel="update", ylabel="test loss", yscale="log", title="digits, half the pixels hidden")
    left.legend(fontsize="small")
    right.legend(fontsize="small")
    plt.savefig("noam-schedule.svg")
    with Path("noam-schedule.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["schedule", *(f"{length} updates" for length in LENGTHS)], *rows])
    Path("noam-schedule.json").write_text(json.dumps(results))
    print(f"peak rate {lr}, warm-up {WARMUP} updates, rate after 600 updates {lr * inverse_sqrt(599):.4f}")
