"""What readers see: the pages of symptoms. What entries are for: docs/tags.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.sources import causes, frontmatter, records
from scripts.sources.pages import Entry

TAGS = "docs/tags.yaml"


@dataclass(frozen=True)
class Symptom:
    """Something that a reader sees.

    Args:
        id: its page's.
        names: how it is said, by language.
        fixes: ids of entries, the first to try first.
        planned: ids of entries that do not exist yet.
        path: its English page.
        line: that of its fixes there.
    """

    id: str
    names: dict[str, str]
    fixes: tuple[str, ...]
    planned: tuple[str, ...]
    path: str
    line: int


@dataclass(frozen=True)
class Tag:
    """What several entries are for; ``names`` by language."""

    id: str
    names: dict[str, str]
    line: int


def of_pages(entries: Iterable[Entry]) -> list[Symptom]:
    """Every symptom that has a page, in the guide's order."""
    return [
        Symptom(
            id=entry.id,
            names={lang: entry.title(lang) for lang in entry.pages},
            fixes=tuple(entry.facts("fixes")),
            planned=tuple(entry.facts("planned")),
            path=entry.en.path,
            line=frontmatter.line_of(entry.en.text, "fixes"),
        )
        for entry in entries
        if causes.is_symptom(entry)
    ]


def load_tags(root: Path) -> list[Tag]:
    """Every tag.

    Raises:
        BuildError: for a record of another form.
    """
    text = records.source(root, TAGS)
    rows = records.load(root, TAGS, ("id", "en", "zh"))
    return [
        Tag(row["id"], {"en": row["en"], "zh": row["zh"]}, records.line_of(text, f"id: {row['id']}")) for row in rows
    ]
