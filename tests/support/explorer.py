"""What the schedule explorer must show: the same rates from torch, and settings to try it with."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

import torch
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR

from scripts.problems import ROOT

FOLDER = ROOT / "docs" / "theme" / "assets" / "explorer"
# Those that need no page, in the order of docs/theme/main.html.
SCRIPTS = [FOLDER / f"{name}.js" for name in ("settings", "python", "torch", "recipes", "schedules")]
Settings = dict[str, Any]
Make = Callable[[torch.optim.Optimizer, Settings], Any]

# The lowest and the highest value of every setting, or its options; in JavaScript, for given common settings.
BOUNDS = """(common) => Object.fromEntries(GuideExplorer.SCHEDULES.map((schedule) => {
  const all = (value) => Object.fromEntries(schedule.settings.map((setting) => [setting.name, value]));
  const [lowest, highest] = [-1e9, 1e9].map((value) => GuideExplorer.resolve(schedule, common, all(value)));
  return [schedule.id, Object.fromEntries(schedule.settings.map(({name, options, kind}) =>
    [name, {options, whole: kind === "whole", lowest: lowest[name], highest: highest[name]}]))];
}))"""

# torch's own scheduler for each of the explorer's that is one.
TORCH: dict[str, Make] = {
    "constant": lambda o, s: lr_scheduler.LambdaLR(o, lambda step: 1.0),
    "constant-lr": lambda o, s: lr_scheduler.ConstantLR(o, s["factor"], s["total_iters"]),
    "linear-lr": lambda o, s: lr_scheduler.LinearLR(o, s["start_factor"], s["end_factor"], s["total_iters"]),
    "linear-decay-to-zero": lambda o, s: lr_scheduler.LinearLR(o, 1.0, 0.0, s["total_iters"]),
    "step-lr": lambda o, s: lr_scheduler.StepLR(o, s["step_size"], s["gamma"]),
    "multi-step-lr": lambda o, s: lr_scheduler.MultiStepLR(o, [s[f"milestone_{i}"] for i in (1, 2, 3)], s["gamma"]),
    "exponential-lr": lambda o, s: lr_scheduler.ExponentialLR(o, s["gamma"]),
    "polynomial-lr": lambda o, s: lr_scheduler.PolynomialLR(o, s["total_iters"], s["power"]),
    "cosine-annealing-lr": lambda o, s: lr_scheduler.CosineAnnealingLR(o, s["T_max"], s["floor"] * s["lr"]),
    "cosine-warm-restarts": lambda o, s: lr_scheduler.CosineAnnealingWarmRestarts(
        o, s["T_0"], s["T_mult"], s["floor"] * s["lr"]
    ),
    "one-cycle-lr": lambda o, s: lr_scheduler.OneCycleLR(
        o,
        s["lr"],
        s["steps"],
        pct_start=float(s["pct_start"]),
        anneal_strategy=s["anneal_strategy"],
        div_factor=s["div_factor"],
        final_div_factor=s["final_div_factor"],
    ),
    "cyclic-triangular": lambda o, s: cyclic(o, s, "triangular"),
    "cyclic-triangular2": lambda o, s: cyclic(o, s, "triangular2"),
    "cyclic-exp-range": lambda o, s: cyclic(o, s, "exp_range"),
    # What torch does not ship, from its parts, after the warm-up.
    "warmup-cosine": lambda o, s: lr_scheduler.CosineAnnealingLR(o, s["steps"] - s["warmup"], s["floor"] * s["lr"]),
    "warmup-linear": lambda o, s: lr_scheduler.PolynomialLR(o, s["steps"] - s["warmup"], 1.0),
}


def cyclic(optimizer: torch.optim.Optimizer, s: Settings, mode: Any) -> lr_scheduler.CyclicLR:
    """torch's triangles."""
    sizes = {name: s[name] for name in ("step_size_up", "step_size_down")}
    return lr_scheduler.CyclicLR(
        optimizer, s["floor"] * s["lr"], s["lr"], **sizes, mode=mode, gamma=s.get("gamma", 1.0)
    )


def rates_of(make: Make, s: Settings, steps: int) -> list[float]:
    """The rates of ``steps`` updates under a scheduler that steps after each."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=s["lr"], momentum=0.9)
    scheduler = make(optimizer, s)
    rates = []
    for _ in range(steps):
        rates.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return rates


def expected(schedule: str, s: Settings) -> list[float]:
    """The rates of a schedule of the explorer, from torch, for resolved settings.

    A warm-up is put before the scheduler's own values here; the explorer's code uses SequentialLR.
    """
    lr, steps, warmup = s["lr"], s["steps"], s.get("warmup", 0)
    if schedule == "inverse-sqrt":  # Vaswani et al., 2017, equation 3, scaled so that its peak is lr
        numbers = range(1, steps + 1)
        return [lr * warmup**0.5 * min(number**-0.5, number * warmup**-1.5) for number in numbers]
    if schedule == "swalr":
        averaging = rates_of(
            lambda o, s: SWALR(o, s["swa_lr"] * s["lr"], s["anneal_epochs"], s["anneal_strategy"]), s, steps
        )
        return ([lr] * s["swa_start"] + averaging)[:steps]
    ramp = [lr * (step + 1) / warmup for step in range(warmup)]
    if schedule == "warmup-stable-decay":
        falls: dict[str, Callable[[int], list[float]]] = {
            "linear": lambda decay: rates_of(lambda o, s: lr_scheduler.PolynomialLR(o, decay, 1.0), s, decay),
            "cosine": lambda decay: rates_of(lambda o, s: lr_scheduler.CosineAnnealingLR(o, decay), s, decay),
            "1-sqrt": lambda decay: [lr * (1 - math.sqrt(step / decay)) for step in range(decay)],
        }
        return ramp + [lr] * (steps - warmup - s["decay"]) + falls[s["shape"]](s["decay"])
    return ramp + rates_of(TORCH[schedule], s, steps - warmup)


def run(code: str) -> list[float]:
    """The rates that a copied program collects."""
    names: dict[str, Any] = {"print": lambda *_: None}
    exec(compile(code, "<copied from the explorer>", "exec"), names)
    return list(names["rates"])


def differences(found: list[float], wanted: list[float], lr: float) -> list[tuple[int, float, float]]:
    """The updates whose rates differ by more than 1e-6 relative: update, found, wanted.

    Below a millionth of the base rate the bound is 1e-12 of the base rate: torch's recursions leave rounding errors of
    1e-17 where the closed form is 0.
    """
    assert len(found) == len(wanted)
    pairs = zip(found, wanted, strict=True)
    return [(i, a, b) for i, (a, b) in enumerate(pairs) if not abs(a - b) <= 1e-6 * abs(b) + 1e-12 * lr]


def spread(evaluate: Callable[[str], Any], seed: int) -> tuple[Settings, dict[str, Settings]]:
    """Settings to try: the common ones, and those of every schedule. Seed 0 leaves all as they are at first.

    Args:
        evaluate: value of a JavaScript expression where the explorer's schedules are loaded.
        seed: of the choice; each setting takes an end of its range or any value between, also one no slider reaches.
    """
    if seed == 0:
        return {}, {}
    draw = random.Random(seed)
    common = {"lr": draw.choice([0.1, 1e-5, 3e-4, 10.0, 0.7]), "steps": draw.choice([20, 21, 97, 200, 350])}
    bounds = evaluate(f"({BOUNDS})({json.dumps(common)})")

    def value(bound: Settings) -> Any:
        if options := bound.get("options"):
            return draw.choice(options)
        lowest, highest = bound["lowest"], bound["highest"]
        if draw.random() < 0.25:
            return draw.choice([lowest, highest])
        if bound["whole"]:  # most lengths well within the run: half of the range lies beyond its end
            return lowest + round((highest - lowest) * draw.random() ** 3)
        return draw.uniform(lowest, highest)

    return common, {schedule: {name: value(bound) for name, bound in own.items()} for schedule, own in bounds.items()}
