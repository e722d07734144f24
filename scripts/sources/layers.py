"""docs/layers.yaml: settings of normalizing layers in published models, each with the place where it is published."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.sources import records
from scripts.sources.recipe_form import Fields, is_number, is_spoken, is_text, of_sourced
from scripts.sources.recipes import Source
from scripts.sources.records import Fault

FILE = "docs/layers.yaml"
MARK = "layers:"  # `--8<-- "layers: id, id"` shows these rows on an entry's page
Setting = float | bool | str | None


@dataclass(frozen=True)
class Layer:
    """One kind of layer in one published model.

    Args:
        id: its name on pages.
        model: the model, in English.
        entry: id of the entry that explains the layer.
        class_: the layer's dotted name; empty where no library of the tests has it.
        settings: its arguments, without those that say its width.
        source: where it is published.
        line: its line in the file.
        data: what the model is trained on, in English; empty where it does not matter.
        where: which layers of the model have these settings, in English; empty for all.
        oracle: the model's dotted name in torchvision, or ``timm:name``; empty where the tests cannot build it.
        note: what a reader must know to use it, by language.
    """

    id: str
    model: str
    entry: str
    class_: str
    settings: dict[str, Setting]
    source: Source
    line: int
    data: str = ""
    where: str = ""
    oracle: str = ""
    note: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """Words that need a Chinese twin: all but names, which begin with a capital or hold a digit."""
        names = [text for text in (self.model, self.data) if re.match(r"[a-z]+ ", text)]
        return [*names, *(text for text in (self.where, self.source.place) if text)]


def _is_layer(value: Any) -> bool:
    if not isinstance(value, dict) or not is_text(value.get("id")) or not is_text(value.get("class", "x")):
        return False
    others = [each for key, each in value.items() if key not in ("id", "class")]
    return all(each is None or isinstance(each, bool | str) or is_number(each) for each in others)


FIELDS: Fields = {
    "id": (lambda v: isinstance(v, str) and bool(re.fullmatch(r"[a-z0-9]+([.-][a-z0-9]+)*", v)), "a-b-1"),
    "model": (is_text, "a text"),
    "layer": (_is_layer, "{id: batch-normalization, class: torch.nn.BatchNorm2d, eps: 0.001}"),
    "source": (lambda v: isinstance(v, dict), "{paper, place} or {repository, commit, files}"),
    "data": (is_text, "a text"),
    "where": (is_text, "a text"),
    "oracle": (
        lambda v: isinstance(v, str) and bool(re.fullmatch(r"timm:\w+|torchvision\.[\w.]+", v)),
        "timm:name, or torchvision.models.name",
    ),
    "note": (is_spoken, "en and zh"),
}
NEEDED = ("id", "model", "layer", "source")


def load(root: Path) -> list[Layer]:
    """Every record, in the file's order.

    Raises:
        BuildError: for a record of another form, or two of one id.
    """
    return [_layer(row, line) for row, line in records.checked(root, FILE, "layer", _faults)]


def chosen(target: str) -> tuple[str, ...] | None:
    """Ids of the layers that ``--8<-- "layers: id, id"`` names; None for another include."""
    return records.chosen(target, MARK)


def _faults(row: Mapping[str, Any]) -> Iterator[Fault]:
    return of_sourced(row, FIELDS, NEEDED)


def _layer(row: Mapping[str, Any], line: int) -> Layer:
    return Layer(
        id=row["id"],
        model=row["model"],
        entry=row["layer"]["id"],
        class_=row["layer"].get("class", ""),
        settings={key: value for key, value in row["layer"].items() if key not in ("id", "class")},
        source=Source.read(row["source"]),
        line=line,
        data=row.get("data") or "",
        where=row.get("where") or "",
        oracle=row.get("oracle") or "",
        note=dict(row.get("note") or {}),
    )
