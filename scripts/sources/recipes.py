"""docs/recipes.yaml: published training recipes, every setting with the place where it was published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scripts.sources import recipe_form, records

FILE = "docs/recipes.yaml"
MARK = "settings:"  # `--8<-- "settings: id, id"` shows these rows on an entry's page
Setting = float | bool | str | tuple[float, ...]


@dataclass(frozen=True)
class Amount:
    """A number of something: ``90 epochs``, ``10 %``."""

    number: float
    unit: str

    @classmethod
    def read(cls, text: str) -> Amount:
        """From the file's ``300e9 tokens``, or ``full``: all data at once."""
        number, _, unit = text.rpartition(" ")
        return cls(float(number or 1), unit)


@dataclass(frozen=True)
class Choice:
    """An optimizer or a schedule: the id of its entry, and settings under torch's names."""

    id: str
    settings: dict[str, Setting]

    def number(self, name: str) -> float:
        """A setting that is a number; 0 where it is not given."""
        value = self.settings.get(name, 0)
        return float(value) if isinstance(value, int | float) else 0.0


@dataclass(frozen=True)
class Warmup:
    """A linear rise to the peak; ``start`` is the share of the peak at which it begins, if the source says."""

    length: Amount
    start: float | None


@dataclass(frozen=True)
class Scaling:
    """How the source states the learning rate: ``lr`` for a batch of ``per``."""

    rule: str
    lr: float
    per: float


@dataclass(frozen=True)
class Source:
    """Where a recipe is published: a place in a paper, or files of a repository at a commit."""

    paper: str = ""
    place: str = ""
    repository: str = ""
    fork: str = ""
    commit: str = ""
    files: tuple[str, ...] = ()

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Source:
        """From the file's record."""
        return cls(**{**row, "files": tuple(row.get("files") or ())})

    @property
    def links(self) -> list[tuple[str, str]]:
        """Name and address of each file."""
        root = f"https://github.com/{self.fork or self.repository}/blob/{self.commit}"
        return [(name, f"{root}/{quote(name)}") for name in self.files]


@dataclass(frozen=True)
class Recipe:
    """One published recipe.

    Args:
        id: its anchor on the page of recipes.
        task: what is trained, in English.
        model: the model, in English.
        data: what it is trained on, in English; empty where the source does not say.
        optimizer: its ``lr`` is the peak at this batch.
        source: where it is published.
        line: its line in the file.
        others: a second optimizer, for parameters that the first does not take.
        then: an optimizer that follows.
        scaling: how the source states the learning rate.
        warmup: the rise to the peak.
        schedule: what follows the warm-up; None where the source does not say.
        length: of the run.
        batch: over all devices.
        more: further numbers, such as ``clip`` and ``ema``.
        no_decay: what has no weight decay.
        init: how the weights begin.
        not_built: why the tests do not build it, by language.
        note: what a reader must know to use it, by language.
        result: what it reached, by language.
    """

    id: str
    task: str
    model: str
    data: str
    optimizer: Choice
    source: Source
    line: int
    others: Choice | None = None
    then: Choice | None = None
    scaling: Scaling | None = None
    warmup: Warmup | None = None
    schedule: Choice | None = None
    length: Amount | None = None
    batch: Amount | None = None
    more: dict[str, float] = field(default_factory=dict)
    no_decay: tuple[str, ...] = ()
    init: str = ""
    not_built: dict[str, str] = field(default_factory=dict)
    note: dict[str, str] = field(default_factory=dict)
    result: dict[str, str] = field(default_factory=dict)

    @property
    def optimizers(self) -> list[Choice]:
        """All of its optimizers."""
        return [choice for choice in (self.optimizer, self.others, self.then) if choice]

    @property
    def grouped(self) -> tuple[str, ...]:
        """Whether some parameters need a group of their own."""
        return ("exempt",) if self.no_decay else ()

    @property
    def words(self) -> list[str]:
        """Words that need a Chinese twin: all but names, which begin with a capital or hold a digit."""
        amounts = (self.length, self.batch, self.warmup and self.warmup.length)
        units = [each.unit for each in amounts if each and each.unit not in ("%", "full")]
        names = [text for text in (self.model, self.data) if re.match(r"[a-z]+ ", text)]
        others = [text for text in (self.init, self.source.place) if text]
        return [self.task, *units, *self.no_decay, *others, *names]


def load(root: Path) -> list[Recipe]:
    """Every recipe, in the file's order.

    Raises:
        BuildError: for a record of another form, numbers that are none, or two recipes of one id.
    """
    return [_recipe(row, line) for row, line in records.checked(root, FILE, "recipe", recipe_form.faults)]


def chosen(target: str) -> tuple[str, ...] | None:
    """Ids of the recipes that ``--8<-- "settings: id, id"`` names; None for another include."""
    return records.chosen(target, MARK)


def _recipe(row: Mapping[str, Any], line: int) -> Recipe:
    warmup, scaling, source = row.get("warmup"), row.get("scaling"), row["source"]
    return Recipe(
        id=row["id"],
        task=row["task"],
        model=row["model"],
        data=row.get("data") or "",
        optimizer=_choice(row["optimizer"]),
        source=Source.read(source),
        line=line,
        others=_choice(row["others"]) if "others" in row else None,
        then=_choice(row["then"]) if "then" in row else None,
        scaling=Scaling(**scaling) if scaling else None,
        warmup=Warmup(Amount.read(warmup["length"]), warmup.get("start")) if warmup else None,
        schedule=_choice(row["schedule"]) if "schedule" in row else None,
        length=Amount.read(row["length"]) if "length" in row else None,
        batch=Amount.read(row["batch"]) if "batch" in row else None,
        more={key: float(row[key]) for key in recipe_form.MORE if key in row},
        no_decay=tuple(row.get("no_decay") or ()),
        init=row.get("init") or "",
        not_built=dict(row.get("not_built") or {}),
        note=dict(row.get("note") or {}),
        result=dict(row.get("result") or {}),
    )


def _choice(row: Mapping[str, Any]) -> Choice:
    settings = {k: tuple(map(float, v)) if isinstance(v, list) else v for k, v in row.items() if k != "id"}
    return Choice(row["id"], settings)
