"""Builds the schedule of a recipe of docs/recipes.yaml.

It runs on a clock of units. Where the run has 100 to 5,000 epochs or steps they are the units; another has 1,000 units,
on which every phase keeps its share. Where the source counts a phase in steps and the run in epochs, any number of
steps an epoch agrees with it, and the phase takes a tenth of the run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from torch.optim import lr_scheduler as schedulers
from torch.optim.swa_utils import SWALR

from scripts.sources.recipes import Amount, Choice, Recipe

UNITS, AT_LEAST, AT_MOST, SOME = 1000, 100, 5000, 0.1
Parts = list[tuple[Any, int]]  # schedulers one after the other, each with its length; the last has none


@dataclass(frozen=True)
class Clock:
    """A run of ``units``, of which the warm-up takes the first; ``unit`` is one of them in what the run counts."""

    units: int
    warmup: int
    unit: Fraction

    def of(self, number: float) -> int:
        """A number of epochs or steps, in units; at least one."""
        return max(1, round(Fraction(number).limit_denominator(10**9) / self.unit))


def clock_of(recipe: Recipe) -> Clock:
    """The clock on which the recipe's schedule runs."""
    length = _length(recipe)
    unit = Fraction(1)
    if recipe.schedule and (size := recipe.schedule.number("step_size")):
        unit = Fraction(1, Fraction(size).limit_denominator(100).denominator)
    if not AT_LEAST <= length.number / unit <= AT_MOST:
        unit = Fraction(int(length.number), UNITS)
    units = round(Fraction(length.number).limit_denominator(100) / unit)
    share = _share(recipe.warmup.length, recipe, length) if recipe.warmup else 0.0
    return Clock(units, max(1, round(share * units)) if share else 0, unit)


def _length(recipe: Recipe) -> Amount:
    """The run's length, or one that shows each phase of an open schedule."""
    if recipe.length:
        return recipe.length
    number = max(recipe.schedule.number("step_size") * 4, 100) if recipe.schedule else 100
    return Amount(number, "epochs")


def _share(amount: Amount, recipe: Recipe, length: Amount) -> float:
    if amount.unit == "%":
        return amount.number / 100
    if amount.unit == length.unit:
        return amount.number / length.number
    if amount.unit == "steps" and recipe.batch and recipe.batch.unit == length.unit:
        return amount.number * recipe.batch.number / length.number
    return SOME


def schedule_of(recipe: Recipe, optimizer: torch.optim.Optimizer) -> Any:
    """The recipe's schedule with its warm-up, one ``step()`` a unit of its clock."""
    clock = clock_of(recipe)
    parts = FORMS[recipe.schedule.id if recipe.schedule else "constant"](recipe, optimizer, clock)
    own = recipe.schedule.settings if recipe.schedule else {}
    if clock.warmup and not own.get("from_start") and not own.get("flat"):  # else it sees to the warm-up itself
        assert recipe.warmup
        start = recipe.warmup.start if recipe.warmup.start is not None else 1 / clock.warmup
        rise = schedulers.LinearLR(optimizer, start_factor=max(start, 1e-12), total_iters=clock.warmup)
        parts = [(rise, clock.warmup), *parts]
    if len(parts) == 1:
        return parts[0][0]
    ends = [sum(length for _, length in parts[: place + 1]) for place in range(len(parts) - 1)]
    return schedulers.SequentialLR(optimizer, [part for part, _ in parts], ends)


def _settings(recipe: Recipe) -> Choice:
    assert recipe.schedule
    return recipe.schedule


def _cosine(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    own, final = _settings(recipe), _settings(recipe).number("final_lr")
    if "over" not in own.settings:
        return [(schedulers.CosineAnnealingLR(optimizer, clock.units - clock.warmup, eta_min=final), 0)]
    until = clock.of(own.number("over")) - clock.warmup
    cosine = schedulers.CosineAnnealingLR(optimizer, until, eta_min=final)
    return [(cosine, until), (schedulers.LambdaLR(optimizer, lambda _: final / recipe.optimizer.number("lr")), 0)]


def _linear(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    end = _settings(recipe).number("final_lr") / recipe.optimizer.number("lr")
    return [(schedulers.LinearLR(optimizer, 1.0, end, total_iters=clock.units - clock.warmup), 0)]


def _polynomial(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    own, length = _settings(recipe), clock.units - clock.warmup
    end, power = own.number("final_lr") / recipe.optimizer.number("lr"), own.number("power")
    if own.settings.get("from_start"):
        first = clock.warmup

        def factor(t: int) -> float:
            return (1 / first) * (1 - t / first) + t / first if t < first else (1 - t / clock.units) ** power

        return [(schedulers.LambdaLR(optimizer, factor), 0)]
    if end == 0:
        return [(schedulers.PolynomialLR(optimizer, length, power), 0)]
    fall = schedulers.LambdaLR(optimizer, lambda t: end + (1 - end) * (1 - min(t, length) / length) ** power)
    return [(fall, 0)]


def _exponential(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    own = _settings(recipe)
    units = (own.number("per") or 1) / float(clock.unit)
    return [(schedulers.ExponentialLR(optimizer, own.number("gamma") ** (1 / units)), 0)]


def _noam(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    first = clock.warmup
    if _settings(recipe).settings.get("flat"):
        return [(schedulers.LambdaLR(optimizer, lambda t: (first / max(t, first)) ** 0.5), 0)]
    return [(schedulers.LambdaLR(optimizer, lambda t: (first / (first + t)) ** 0.5), 0)]


def _stable(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    own, last = _settings(recipe), clock.of(_settings(recipe).number("decay"))
    end = own.number("final_lr") / recipe.optimizer.number("lr")
    flat = schedulers.ConstantLR(optimizer, 1.0, 0)
    fall = schedulers.LinearLR(optimizer, 1.0, end, total_iters=last)
    return [(flat, clock.units - clock.warmup - last), (fall, 0)]


def _averaged(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    """Constant for half of the time before the averages, then a line over four fifths of the rest."""
    own, start = _settings(recipe), _settings(recipe).number("start")
    flat, anneal = clock.of(start / 2), clock.of(0.4 * start)
    fall = SWALR(optimizer, own.number("swa_lr"), anneal, "linear")
    return [(schedulers.ConstantLR(optimizer, 1.0, 0), flat), (fall, 0)]


def _plateau(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    settings: dict[str, Any] = dict(_settings(recipe).settings)
    return [(schedulers.ReduceLROnPlateau(optimizer, **settings), 0)]


def _cyclic(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    low, peak = _settings(recipe).number("base_lr"), recipe.optimizer.number("lr")
    return [(schedulers.CyclicLR(optimizer, low, peak, clock.units // 4, cycle_momentum=False), 0)]


def _one_cycle(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    settings: dict[str, Any] = dict(_settings(recipe).settings)
    peak = recipe.optimizer.number("lr")
    return [(schedulers.OneCycleLR(optimizer, peak, total_steps=clock.units + 1, **settings), 0)]


def _constant(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    return [(schedulers.ConstantLR(optimizer, 1.0, 0), 0)]


def _step(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    own = _settings(recipe)
    return [(schedulers.StepLR(optimizer, clock.of(own.number("step_size")), own.number("gamma")), 0)]


def _multi_step(recipe: Recipe, optimizer: torch.optim.Optimizer, clock: Clock) -> Parts:
    milestones = _settings(recipe).settings["milestones"]
    assert isinstance(milestones, tuple)
    places = [clock.of(milestone) - clock.warmup for milestone in milestones]  # the source counts from the run's start
    return [(schedulers.MultiStepLR(optimizer, places, _settings(recipe).number("gamma")), 0)]


# Id of a schedule -> what makes it for a recipe, an optimizer and a clock.
FORMS: dict[str, Callable[[Recipe, torch.optim.Optimizer, Clock], Parts]] = {
    "constant": _constant,
    "step-lr": _step,
    "multi-step-lr": _multi_step,
    "exponential-lr": _exponential,
    "cosine-annealing-lr": _cosine,
    "linear-decay-to-zero": _linear,
    "polynomial-lr": _polynomial,
    "noam-schedule": _noam,
    "warmup-stable-decay": _stable,
    "reduce-lr-on-plateau": _plateau,
    "one-cycle-lr": _one_cycle,
    "cyclic-lr": _cyclic,
    "swa": _averaged,
}
