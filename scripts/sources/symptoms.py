"""docs/symptoms.yaml and docs/tags.yaml: what readers see, and what entries are for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scripts.sources import records

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
    text = records.source(root, SYMPTOMS)
    rows = records.load(root, SYMPTOMS, ("id", "en", "zh"), ("fixes",), ("aliases", "planned"))
    return [
        Symptom(
            id=row["id"],
            names={"en": row["en"], "zh": row["zh"]},
            line=_line(text, row["id"]),
            **{key: tuple(map(str, row.get(key) or [])) for key in ("aliases", "fixes", "planned")},
        )
        for row in rows
    ]


def load_tags(root: Path) -> list[Tag]:
    """Every tag.

    Raises:
        BuildError: for a record of another form.
    """
    text = records.source(root, TAGS)
    rows = records.load(root, TAGS, ("id", "en", "zh"))
    return [Tag(row["id"], {"en": row["en"], "zh": row["zh"]}, _line(text, row["id"])) for row in rows]


def _line(text: str, name: str) -> int:
    return records.line_of(text, f"id: {name}")
