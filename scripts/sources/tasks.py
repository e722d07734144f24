"""docs/tasks.yaml: what people train, and how, each with the causes to look at first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.sources import records

FILE = "docs/tasks.yaml"
FORM = "A task has id, en, zh and see: below see, 'entry: [anchor, …]', or 'entry: []' for all causes of a symptom."


@dataclass(frozen=True)
class Task:
    """One task.

    Args:
        id: its anchor on the page of tasks.
        names: what it is called, by language.
        see: id of an entry -> anchors on its page; none stand for all causes of a symptom.
        line: where it begins in the file.
    """

    id: str
    names: dict[str, str]
    see: dict[str, tuple[str, ...]]
    line: int


def load(root: Path) -> list[Task]:
    """The tasks in order, none where there is no file.

    Raises:
        BuildError: for a file of another form, and for two tasks of one id.
    """
    return [
        Task(
            row["id"],
            {"en": row["en"], "zh": row["zh"]},
            {entry: tuple(anchors) for entry, anchors in row["see"].items()},
            line,
        )
        for row, line in records.checked(root, FILE, "task", _faults)
    ]


def _faults(row: Mapping[str, Any]) -> Iterator[records.Fault]:
    if set(row) != {"id", "en", "zh", "see"}:
        yield "id", "it has other keys", FORM
        return
    for key in ("id", "en", "zh"):
        if not isinstance(row[key], str) or not row[key].strip():
            yield key, f"{key} is no text", FORM
    see = row["see"]
    if not isinstance(see, dict) or not see or not all(_are_texts(anchors) for anchors in see.values()):
        yield "see", "see does not say which causes of which entries", FORM


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
