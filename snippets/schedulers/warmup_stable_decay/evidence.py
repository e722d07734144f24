"""One run at a constant rate, branched off to four lengths, against a cosine run for each length; shapes of the decay.

Source: Hu et al., "MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies", 2024
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

from snippets.schedulers.warmup_stable_decay.use import SHAPES

LENGTHS, WARMUP, NETWORKS = (75, 150, 300, 600), 20, 4


def decay_of(length: int) -> int:
    """Updates of the decay: a fifth of the run."""
    return length // 5


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

    def go(self, until: int, factor: Callable[[int], float], watch: list[tuple[int, float]] | None = None) -> "Run":
        """Train up to update ``until``; every 15 updates the test loss goes into ``watch``."""
        while self.updates < until:
            for group in self.optimizer.param_groups:
                group["lr"] = self.lr * min(1.0, (self.updates + 1) / WARMUP) * factor(self.updates)
            batch = torch.randint(1200, (NETWORKS, 16), generator=self.random)
            self.optimizer.zero_grad()
            self.losses(self.hide(self.x[batch]), self.y[batch]).sum().backward()
            self.optimizer.step()
            self.updates += 1
            if watch is not None and self.updates % 15 == 0:
                watch.append((self.updates, self.test_loss()))
        return self


def branch(run: Run, length: int, shape: str = "1-sqrt", watch: list[tuple[int, float]] | None = None) -> Run:
    """A copy of a stable run, weights, optimizer state and all, that decays from now to ``length``."""
    start, decay = run.updates, length - run.updates
    return copy.deepcopy(run).go(length, lambda step: SHAPES[shape]((step - start) / decay), watch)


def cosine(lr: float, length: int, seed: int = 0) -> Run:
    """A run of its own for one length."""
    return Run(lr, seed).go(
        length, lambda step: (1 + math.cos(math.pi * max(0, step - WARMUP) / (length - WARMUP))) / 2
    )


def updates_needed() -> tuple[int, int]:
    """Updates for all lengths: one stable run up to the last decay and its branches; a cosine run for each."""
    return LENGTHS[-1] - decay_of(LENGTHS[-1]) + sum(map(decay_of, LENGTHS)), sum(LENGTHS)


if __name__ == "__main__":
    lr = 0.008
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    run, rows = Run(lr), []
    stable: list[tuple[int, float]] = []
    before, branches, cosines, shapes = [], [], [], {}
    for length in LENGTHS:
        run.go(length - decay_of(length), lambda step: 1.0, stable)
        before.append(stable[-1][1])
        falls = [stable[-1]]
        branches.append(branch(run, length, "1-sqrt", falls).test_loss())
        cosines.append(cosine(lr, length).test_loss())
        left.plot(*zip(*falls, strict=True), "--", color="C1", label="branch: decay" if length == LENGTHS[0] else None)
        rows.append([length, f"{before[-1]:.3f}", f"{branches[-1]:.3f}", f"{cosines[-1]:.3f}"])
    for style, marker, shape in (("-", "o", "1-sqrt"), ("--", "s", "linear"), (":", "D", "cosine")):
        watch = [stable[-1]]
        shapes[shape] = branch(run, LENGTHS[-1], shape, watch).test_loss()
        right.plot(*zip(*watch, strict=True), style, marker=marker, label=shape)
    run.go(LENGTHS[-1], lambda step: 1.0, stable)
    left.plot(*zip(*stable, strict=True), "-", color="C0", label="stable: one run")
    left.plot(LENGTHS, branches, "o", color="C1", label="branch: end")
    left.plot(LENGTHS, cosines, "s", color="C2", markerfacecolor="none", markersize=10, label="a cosine run each: end")
    right.plot(*zip(*stable[-9:], strict=True), "-.", marker="^", label="no decay")
    left.set(xlabel="update", ylabel="test loss", yscale="log", title="four lengths out of one run")
    right.set(xlabel="update", ylabel="test loss", title="shape of the decay")
    left.legend(fontsize="small")
    right.legend(fontsize="small")
    plt.savefig("warmup-stable-decay.svg")
    with Path("warmup-stable-decay.csv").open("w", newline="", encoding="utf-8") as file:
        header = ["updates", "stable run, before the decay", "branch, after it", "cosine run of this length"]
        csv.writer(file).writerows([header, *rows])
    results = {"before the decay": before, "branch": branches, "cosine": cosines, "shapes": shapes}
    Path("warmup-stable-decay.json").write_text(json.dumps(results))
    ours, theirs = updates_needed()
    print(f"updates for all four lengths: {ours} with branches, {theirs} with cosine runs")
