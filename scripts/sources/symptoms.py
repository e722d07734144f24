"""docs/symptoms.yaml and docs/tags.yaml: what readers see, and what entries are for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.problems import Problem, stop_on
from scripts.sources import lists

SYMPTOMS = "docs/symptoms.yaml"
TAGS = "docs/tags.yaml"


@dataclass(frozen=True)
class Symptom:
    """Something that a reader sees.

    Args:
        id: its place on the page of symptoms.
        names: how it is said, by language.
        aliases: other ways to say it, in any language; for the search alone.
        fixes: ids of entries, the first to try first.
        planned: ids of entries that do not exist yet.
        line: its line in the file.
    """

    id: str
    names: dict[str, str]
    aliases: tuple[str, ...]
    fixes: tuple[str, ...]
    planned: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Tag:
    """What several entries are for; ``names`` by language."""

    id: str
    names: dict[str, str]
    line: int


def load_symptoms(root: Path) -> list[Symptom]:
    """Every symptom.

    Raises:
        BuildError: for a record of another form.
    """
    text, rows = lists.read(root, SYMPTOMS)
    lists_of = ("aliases", "fixes", "planned")
    stop_on(_problems(SYMPTOMS, text, rows, {"id", "en", "zh", "fixes"}, lists_of))
    return [
        Symptom(
            id=row["id"],
            names={"en": row["en"], "zh": row["zh"]},
            line=_line(text, row["id"]),
            **{key: tuple(map(str, row.get(key) or [])) for key in lists_of},
        )
        for row in rows
    ]


def load_tags(root: Path) -> list[Tag]:
    """Every tag.

    Raises:
        BuildError: for a record of another form.
    """
    text, rows = lists.read(root, TAGS)
    stop_on(_problems(TAGS, text, rows, {"id", "en", "zh"}, ()))
    return [Tag(row["id"], {"en": row["en"], "zh": row["zh"]}, _line(text, row["id"])) for row in rows]


def _line(text: str, name: str) -> int:
    return lists.line_of(text, f"id: {name}")


def _problems(
    name: str, text: str, rows: list[dict[str, Any]], needed: set[str], lists_of: tuple[str, ...]
) -> Iterator[Problem]:
    for row in rows:
        key = str(row.get("id", "?"))
        known = needed | set(lists_of)
        listed = all(isinstance(row.get(part) or [], list) for part in lists_of)
        texts = all(isinstance(row.get(part), str) for part in needed - set(lists_of))
        if needed - row.keys() or row.keys() - known or not listed or not texts:
            remedy = (
                f"It has {', '.join(sorted(needed))}; it may have {', '.join(sorted(known - needed)) or 'no more'}."
            )
            yield Problem(name, _line(text, key), f"the record '{key}' is not of the form", remedy)
