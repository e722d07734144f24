"""Every scheduler of torch and four recipes that it does not ship: one base rate, one length, and what comes after it.

Source: the papers on the entries' pages
"""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

from snippets.schedulers.noam_schedule.use import make_scheduler as make_noam
from snippets.schedulers.warmup_cosine.use import make_scheduler as make_cosine
from snippets.schedulers.warmup_stable_decay.use import make_scheduler as make_stable

BASE, STEPS, MORE, WARMUP, DECAY = (
    0.1,
    200,
    100,
    20,
    40,
)  # rate; updates: planned, after the plan, of the recipes' parts
Optimizer = torch.optim.Optimizer


def inverse_time(optimizer: Optimizer) -> lrs.LambdaLR:
    """1 / (1 + step / 25)"""
    return lrs.LambdaLR(optimizer, lambda step: 1 / (1 + step / 25))


def late_decay(optimizer: Optimizer) -> lrs.MultiplicativeLR:
    """x 0.97 at each step after 100"""
    return lrs.MultiplicativeLR(optimizer, lambda step: 0.97 if step > 100 else 1.0)


def sequence(optimizer: Optimizer) -> lrs.SequentialLR:
    """LinearLR for 20 updates, then ExponentialLR with gamma=0.98"""
    ramp = lrs.LinearLR(optimizer, start_factor=1 / WARMUP, total_iters=WARMUP - 1)
    return lrs.SequentialLR(optimizer, [ramp, lrs.ExponentialLR(optimizer, gamma=0.98)], milestones=[WARMUP])


def chain(optimizer: Optimizer) -> lrs.ChainedScheduler:
    """ConstantLR with total_iters=50 and ExponentialLR with gamma=0.99"""
    low = lrs.ConstantLR(optimizer, factor=0.3, total_iters=50)
    return lrs.ChainedScheduler([low, lrs.ExponentialLR(optimizer, gamma=0.99)])


def warmup_cosine(optimizer: Optimizer) -> lrs.LRScheduler:
    """ramp of 20 updates, then half a cosine to the end"""
    return make_cosine(optimizer, WARMUP, STEPS)


def warmup_stable_decay(optimizer: Optimizer) -> lrs.LRScheduler:
    """ramp of 20 updates, constant, a line to zero in the last 40"""
    return make_stable(optimizer, WARMUP, STEPS, DECAY, shape="linear")


def inverse_square_root(optimizer: Optimizer) -> lrs.LRScheduler:
    """ramp of 20 updates, then sqrt(20 / (step + 1))"""
    return make_noam(optimizer, WARMUP)


# Those of torch bear the name of their class.
SCHEDULES: dict[str, Callable[[Optimizer], Any]] = {
    "ConstantLR": partial(lrs.ConstantLR, factor=0.3, total_iters=50),
    "LinearLR": partial(lrs.LinearLR, start_factor=0.1, total_iters=100),
    "StepLR": partial(lrs.StepLR, step_size=60, gamma=0.3),
    "MultiStepLR": partial(lrs.MultiStepLR, milestones=[100, 150], gamma=0.1),
    "ExponentialLR": partial(lrs.ExponentialLR, gamma=0.98),
    "PolynomialLR": partial(lrs.PolynomialLR, total_iters=STEPS, power=2.0),
    "LambdaLR": inverse_time,
    "MultiplicativeLR": late_decay,
    "CosineAnnealingLR": partial(lrs.CosineAnnealingLR, T_max=STEPS),
    "CosineAnnealingWarmRestarts": partial(lrs.CosineAnnealingWarmRestarts, T_0=STEPS // 4),
    "CyclicLR": partial(lrs.CyclicLR, base_lr=0.01, max_lr=BASE, step_size_up=25, mode="triangular2"),
    "OneCycleLR": partial(lrs.OneCycleLR, max_lr=BASE, total_steps=STEPS),
    "ReduceLROnPlateau": partial(lrs.ReduceLROnPlateau, factor=0.3, patience=5),
    "SequentialLR": sequence,
    "ChainedScheduler": chain,
    "SWALR": partial(SWALR, swa_lr=0.05, anneal_epochs=50),
    "warm-up + cosine": warmup_cosine,
    "linear to zero": partial(lrs.LinearLR, start_factor=1.0, end_factor=0.0, total_iters=STEPS),
    "warm-up, stable, decay": warmup_stable_decay,
    "inverse square root": inverse_square_root,
}


def curve(name: str) -> list[float]:
    """Rates of STEPS + MORE updates; of fewer where the scheduler refuses to go on.

    ReduceLROnPlateau gets the mean loss of SGD on a quadratic of curvature 1 whose gradients have noise of variance 1.
    """
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE, momentum=0.9)
    scheduler = SCHEDULES[name](optimizer)
    rates, loss = [], 1.0
    for _ in range(STEPS + MORE):
        lr = float(optimizer.param_groups[0]["lr"])
        rates.append(lr)
        loss = (1 - lr) ** 2 * loss + lr**2
        optimizer.step()
        try:
            scheduler.step(loss) if name == "ReduceLROnPlateau" else scheduler.step()
        except ValueError:  # OneCycleLR
            return rates
    return rates


def afterwards(rates: list[float]) -> str:
    """What becomes of the rate in MORE updates after the planned ones."""
    last, after = rates[STEPS - 1], rates[STEPS:]
    if len(after) < MORE:
        return f"an error after update {len(rates) - 1}"
    if max(after) > 1.01 * last:
        return "rises"
    if max(after) < 1e-9 * BASE:
        return "is 0"
    return "falls" if min(after) < 0.99 * last else "stays"


def mean_rate(rates: list[float]) -> float:
    """Mean of the planned updates, in units of the base rate: the area under the curve."""
    return sum(rates[:STEPS]) / STEPS / BASE


def made_with(name: str) -> str:
    """How a schedule was made, in words."""
    make = SCHEDULES[name]
    return ", ".join(f"{k}={v}" for k, v in make.keywords.items()) if isinstance(make, partial) else str(make.__doc__)


if __name__ == "__main__":
    figure, axes = plt.subplots(5, 4, figsize=(8, 8.4), sharex=True, sharey=True, layout="constrained")
    rows = [["schedule", "settings", "first rate", "last rate", "mean rate / base rate", "after its end"]]
    curves = {name: curve(name) for name in SCHEDULES}
    for axis, (name, rates) in zip(axes.flat, curves.items(), strict=True):
        axis.plot(rates[:STEPS], "-", color="C0", linewidth=2)
        axis.plot(range(STEPS - 1, len(rates)), rates[STEPS - 1 :], ":", color="C1", linewidth=1.6)
        axis.axvline(STEPS, linestyle=":", color="C6", linewidth=0.8)
        axis.set_title(name.replace("WarmRestarts", "\nWarmRestarts"), fontsize="medium")
        ends = [f"{rates[i]:.2g}" for i in (0, STEPS - 1)]
        rows.append([name, made_with(name), *ends, f"{mean_rate(rates):.2f}", afterwards(rates)])
    axes[0, 0].set(ylim=(0, 1.1 * BASE), yticks=[0, BASE], xticks=[0, STEPS])
    figure.supxlabel("update")
    figure.supylabel("learning rate")
    plt.savefig("index-all-schedules.svg")
    with Path("index-all-schedules.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("index-all-schedules.json").write_text(json.dumps(curves))
    print(f"{len(SCHEDULES)} schedules; highest mean rate of those that are 0 afterwards:", end=" ")
    print(max((float(row[4]), row[0]) for row in rows[1:] if row[5] == "is 0"))
    print("rise after their end:", ", ".join(row[0] for row in rows if row[5] == "rises"))
