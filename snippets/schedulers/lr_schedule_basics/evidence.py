"""What four ways of resuming at step 20 do to the learning rate, for a recursive and for a closed-form scheduler.

Source: torch.optim.lr_scheduler.LRScheduler, PyTorch 2.x
"""

import copy
import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LinearLR, LRScheduler

BASE, RAMP, AT, END = 0.1, 50, 20, 80
WAYS = ["all loaded", "scheduler built last", "optimizer forgotten", "scheduler forgotten"]


def recursive(optimizer: torch.optim.Optimizer) -> LRScheduler:
    """Warm-up from 0.1 to 1 that multiplies the current rate."""
    return LinearLR(optimizer, start_factor=0.1, total_iters=RAMP)


def closed(optimizer: torch.optim.Optimizer) -> LRScheduler:
    """The same warm-up as a function of the step."""
    return LambdaLR(optimizer, lambda step: 0.1 + 0.9 * min(step, RAMP) / RAMP)


def advance(optimizer: torch.optim.Optimizer, scheduler: LRScheduler, steps: int) -> list[float]:
    """Rates of the next updates."""
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def resume(make: Callable[[torch.optim.Optimizer], LRScheduler], way: str) -> list[float]:
    """Rates of a run to END that stopped at AT and was resumed in one of the WAYS."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=BASE)
    scheduler = make(optimizer)
    before = advance(optimizer, scheduler, AT)
    optimizer_state, scheduler_state = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(scheduler.state_dict())

    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=BASE)
    if way == "scheduler built last":
        optimizer.load_state_dict(optimizer_state)
        scheduler = make(optimizer)
    else:
        scheduler = make(optimizer)
        if way != "optimizer forgotten":
            optimizer.load_state_dict(optimizer_state)
    if way != "scheduler forgotten":
        scheduler.load_state_dict(scheduler_state)
    return before + advance(optimizer, scheduler, END - AT)


if __name__ == "__main__":
    torch.manual_seed(0)
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    results = {way: {"LinearLR": resume(recursive, way), "LambdaLR": resume(closed, way)} for way in WAYS}
    rows = [[way, *(f"{rates[-1]:.3f}" for rates in both.values())] for way, both in results.items()]
    for axis, name, form in zip(axes, ("LinearLR", "LambdaLR"), ("recursive", "closed form"), strict=True):
        for way, style in zip(WAYS, ("-", "--", "-.", ":"), strict=True):
            axis.plot(results[way][name], linestyle=style, linewidth=2, label=way)
        axis.axvline(AT, linewidth=0.8, linestyle=":")
        axis.set(title=f"{name} ({form})", xlabel="update", yscale="log")
    axes[0].set_ylabel("learning rate")
    axes[1].legend(fontsize="small", loc="lower right")
    figure.tight_layout()
    plt.savefig("lr-schedule-basics.svg")
    with Path("lr-schedule-basics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["resumed with", "LinearLR, last rate", "LambdaLR, last rate"], *rows])
    Path("lr-schedule-basics.json").write_text(json.dumps(results))
    print(f"rate wanted at the end: {BASE}")
    print("worst after a wrong resume:", max(row[1] for row in rows))
