"""docs/checklist.yaml: the check list's stages and points, in the order in which to work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.problems import Problem, stop_on
from scripts.sources import records

FILE = "docs/checklist.yaml"
FORM = "A stage has id, en, zh and points; a point has id, en, zh and see, a list of ids of entries."


@dataclass(frozen=True)
class Point:
    """One line of the check list: ``names`` by language; ``see``: ids of entries and symptoms, written or planned."""

    id: str
    names: dict[str, str]
    see: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Part:
    """Points that belong to one part of the work."""

    id: str
    names: dict[str, str]
    points: tuple[Point, ...]


def load(root: Path) -> list[Part]:
    """The check list, empty where there is no file.

    Raises:
        BuildError: for a file of another form, and for two points of one id.
    """
    text, rows = records.rows(root, FILE)
    stop_on(_problems(text, rows))
    return [Part(row["id"], _names(row), tuple(_point(text, point) for point in row["points"])) for row in rows]


def _names(row: dict[str, Any]) -> dict[str, str]:
    return {"en": row["en"], "zh": row["zh"]}


def _point(text: str, row: dict[str, Any]) -> Point:
    return Point(row["id"], _names(row), tuple(row["see"]), records.line_of(text, f"id: {row['id']}"))


def _problems(text: str, rows: list[dict[str, Any]]) -> Iterator[Problem]:
    points = []
    for row in rows:
        listed = row.get("points")
        if set(row) != {"id", "en", "zh", "points"} or not isinstance(listed, list):
            yield Problem(FILE, records.line_of(text, str(row.get("id", ""))), "a stage is not readable", FORM)
            continue
        points += listed
    for point in points:
        is_point = isinstance(point, dict) and set(point) == {"id", "en", "zh", "see"}
        if not is_point or not all(isinstance(point[key], str) for key in ("id", "en", "zh")) or not point["see"]:
            name = str(point.get("id", "")) if isinstance(point, dict) else ""
            yield Problem(FILE, records.line_of(text, name), "a point is not readable", FORM)
    counted = Counter(str(point.get("id")) for point in points if isinstance(point, dict))
    for name, count in counted.items():
        if count > 1:
            yield Problem(
                FILE, records.line_of(text, name), f"two points have the id '{name}'", "Rename one: ticks go by it."
            )
