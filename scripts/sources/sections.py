"""docs/sections.yaml: the guide's sections in order, each with its families of entries in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.problems import Problem, stop_on
from scripts.sources import frontmatter, records

FILE = "docs/sections.yaml"


@dataclass(frozen=True)
class Family:
    """Entries that readers compare with each other; ``names`` by language, ``entries`` are ids in order."""

    names: dict[str, str]
    entries: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A section of the guide, by the name of its folder; ``lines`` says where the file lists each entry."""

    id: str
    families: tuple[Family, ...]
    lines: dict[str, int]

    @property
    def entries(self) -> list[str]:
        """Ids of all its entries in order."""
        return [entry for family in self.families for entry in family.entries]


def load(root: Path) -> list[Section]:
    """The sections that the file lists.

    Raises:
        BuildError: for a file that is not of this form, or an entry that stands in two families.
    """
    text = records.source(root, FILE)
    rows = frontmatter.value(text, FILE, what="YAML") or []
    stop_on(_problems(text, rows))
    return [_section(text, row) for row in rows]


def _section(text: str, row: dict[str, Any]) -> Section:
    families = tuple(Family({"en": f["en"], "zh": f["zh"]}, tuple(f["entries"])) for f in row["families"])
    return Section(row["id"], families, {e: records.line_of(text, e) for family in families for e in family.entries})


def _problems(text: str, rows: Any) -> Iterator[Problem]:
    remedy = "A section has id and families; a family has en, zh and entries, a list of ids."
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield Problem(FILE, 1, "the file is no list of sections", remedy)
        return
    for row in rows:
        name = str(row.get("id", "?"))
        families = row.get("families")
        if set(row) != {"id", "families"} or not isinstance(families, list):
            yield Problem(FILE, records.line_of(text, name), f"the section '{name}' is not readable", remedy)
            continue
        for family in families:
            place = str(family.get("en", name)) if isinstance(family, dict) else name
            is_family = isinstance(family, dict) and set(family) == {"en", "zh", "entries"}
            if not is_family or not all(isinstance(entry, str) for entry in family["entries"] or []):
                yield Problem(FILE, records.line_of(text, place), f"a family of '{name}' is not readable", remedy)
                return
        counted = Counter(entry for family in families for entry in family["entries"])
        for entry, count in counted.items():
            if count > 1:
                yield Problem(FILE, records.line_of(text, entry), f"'{entry}' is listed {count} times", "List it once.")
