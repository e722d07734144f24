"""What readers see: pages of symptoms, docs/symptoms.yaml for those without. What entries are for: docs/tags.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.sources import causes, frontmatter, records
from scripts.sources.pages import Entry

SYMPTOMS = "docs/symptoms.yaml"
TAGS = "docs/tags.yaml"


@dataclass(frozen=True)
class Symptom:
    """Something that a reader sees.

    Args:
        id: its place in the table of symptoms; the id of its page, where it has one.
        names: how it is said, by language.
        aliases: other ways to say it, in any language; for the search alone.
        fixes: ids of entries, the first to try first.
        planned: ids of entries that do not exist yet.
        path: the file that it stands in.
        line: its line there.
    """

    id: str
    names: dict[str, str]
    aliases: tuple[str, ...]
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


def load_symptoms(root: Path, entries: Iterable[Entry]) -> list[Symptom]:
    """Every symptom: those that have a page in the guide's order, then those that the file lists.

    Raises:
        BuildError: for a record of another form.
    """
    text = records.source(root, SYMPTOMS)
    rows = records.load(root, SYMPTOMS, ("id", "en", "zh"), ("fixes",), ("aliases", "planned"))
    return [_of_page(entry) for entry in entries if causes.is_symptom(entry)] + [
        Symptom(
            id=row["id"],
            names={"en": row["en"], "zh": row["zh"]},
            path=SYMPTOMS,
            line=_line(text, row["id"]),
            **{key: tuple(map(str, row.get(key) or [])) for key in ("aliases", "fixes", "planned")},
        )
        for row in rows
    ]


def _of_page(entry: Entry) -> Symptom:
    return Symptom(
        id=entry.id,
        names={lang: entry.title(lang) for lang in entry.pages},
        aliases=tuple(alias for page in entry.pages.values() for alias in page.meta.get("aliases") or []),
        fixes=tuple(entry.facts("fixes")),
        planned=tuple(entry.facts("planned")),
        path=entry.en.path,
        line=frontmatter.line_of(entry.en.text, "fixes"),
    )


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
