"""What a recipe says, in words: numbers as torch takes them, schedules as one says them."""

from __future__ import annotations

from collections.abc import Mapping

from scripts.generate.phrases import word
from scripts.sources.labels import said
from scripts.sources.recipes import Amount, Choice, Recipe, Setting

Labels = Mapping[str, str]
# Settings that count something: in what, or empty for what the length of the run is counted in.
COUNTED = {"step_size": "", "decay": "", "start": "", "over": "", "per": "steps", "step_size_up": "steps"}
ENDING = ("cosine-annealing-lr", "linear-decay-to-zero", "polynomial-lr", "warmup-stable-decay")
LARGE = ((1e12, "T"), (1e9, "B"), (1e6, "M"))


def number(value: float) -> str:
    """``3e-4``, ``0.01``, ``10``: as one writes it in code."""
    if value == 0 or 1e-3 <= abs(value) < 1e6:
        return f"{value:.6g}"
    mantissa, _, exponent = f"{value:.5e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def count(value: float, lang: str) -> str:
    """``60,000``, ``300B``: as one writes it in a sentence; Chinese has no comma in four digits."""
    for size, letter in LARGE:
        if value >= size and value % (size / 10) == 0:
            return f"{value / size:.6g}{letter}"
    if lang == "zh" and value < 1e4:
        return f"{value:.6g}"
    return f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}"


def amount(labels: Labels, given: Amount, lang: str) -> str:
    """A number and what it counts."""
    if given.unit == "%":
        return f"{given.number:g}%"
    return f"{count(given.number, lang)} {_unit(labels, given.unit, lang, given.number == 1)}"


def _unit(labels: Labels, unit: str, lang: str, single: bool = False) -> str:
    return unit[:-1] if single and lang == "en" else said(labels, unit, lang)


def arguments(choice: Choice) -> str:
    """Settings as the arguments of the optimizer's class: ``lr=3e-4, betas=(0.9, 0.95)``."""
    return ", ".join(f"{name}={_value(value)}" for name, value in choice.settings.items() if name != "base")


def _value(value: Setting) -> str:
    if isinstance(value, tuple):  # torch's Adam refuses betas that are no floats
        return f"({', '.join(f'{each:g}' if each % 1 else f'{each:.1f}' for each in value)})"
    if isinstance(value, str):
        return f'"{value}"'
    return str(value) if isinstance(value, bool) else number(value)


def more(labels: Labels, recipe: Recipe, lang: str) -> list[str]:
    """Batch, scaling rule, clipping, averaging, regularization and initialization."""
    parts = []
    if recipe.batch:
        full = recipe.batch.unit == "full"
        parts.append(word("full_batch" if full else "batch", lang).format(amount(labels, recipe.batch, lang)))
    if scaling := recipe.scaling:
        rule = word("linear_rule" if scaling.rule == "linear" else "root_rule", lang)
        parts.append(rule.format(number(scaling.lr), count(scaling.per, lang)))
    parts += [f"{word(name, lang)} {number(value)}" for name, value in recipe.more.items()]
    if recipe.no_decay:
        parts.append(
            word("no_decay", lang).format(word("comma", lang).join(said(labels, t, lang) for t in recipe.no_decay))
        )
    if recipe.init:
        parts.append(word("init", lang).format(said(labels, recipe.init, lang)))
    return parts


def warmup(labels: Labels, recipe: Recipe, lang: str) -> str:
    """How long the learning rate rises, and from where."""
    if not recipe.warmup or (recipe.schedule and recipe.schedule.settings.get("flat")):
        return ""
    start = recipe.warmup.start
    words = word("warmup_from" if start is not None else "warmup", lang)
    return words.format(amount(labels, recipe.warmup.length, lang), number(start or 0))


def length(labels: Labels, recipe: Recipe, lang: str) -> str:
    """How long the run is."""
    return word("run", lang).format(amount(labels, recipe.length, lang)) if recipe.length else ""


def form(labels: Labels, recipe: Recipe, lang: str) -> str:
    """What the learning rate does after the warm-up."""
    schedule = recipe.schedule
    if schedule is None:
        return word("no_schedule", lang)
    own = recipe.length.unit if recipe.length else "epochs"
    values = {"peak": number(recipe.optimizer.number("lr")), "one": _unit(labels, own, lang, single=True)}
    if recipe.warmup:
        values["warmup"] = amount(labels, recipe.warmup.length, lang)
    for name, value in schedule.settings.items():
        unit = COUNTED.get(name, "")
        if isinstance(value, tuple):
            values[name] = f"{_listed(value, lang)} {said(labels, own, lang)}"
        elif isinstance(value, int | float):
            values[name] = amount(labels, Amount(value, unit or own), lang) if name in COUNTED else number(value)
    return word(_phrase(schedule), lang).format(**values)


def _listed(values: tuple[float, ...], lang: str) -> str:
    *first, last = (count(value, lang) for value in values)
    return f"{word('comma', lang).join(first)}{word('and', lang)}{last}" if first else last


def _phrase(schedule: Choice) -> str:
    """The key of the words that say a schedule."""
    if schedule.id in ENDING and "final_lr" not in schedule.settings:
        return f"{schedule.id}-open"
    if "over" in schedule.settings:
        return f"{schedule.id}-over"
    if "per" in schedule.settings:
        return "exponential-lr-per"
    if schedule.settings.get("flat"):
        return "noam-schedule-flat"
    if schedule.id == "reduce-lr-on-plateau" and "patience" in schedule.settings:
        return "reduce-lr-on-plateau-patience"
    return schedule.id
