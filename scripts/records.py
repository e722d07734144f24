"""Lists of records in YAML: docs/symptoms.yaml, docs/tags.yaml."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from scripts import frontmatter, reading
from scripts.problems import Problem, stop_on

Names = tuple[str, ...]


def load(root: Path, name: str, texts: Names, lists: Names = (), optional: Names = ()) -> list[dict[str, Any]]:
    """The records of one file, each with these texts and lists of texts; none where there is no file.

    Raises:
        BuildError: for a file that is no such list, with the line of each record at fault.
    """
    path = root / name
    return _read(reading.text(path, name), name, texts, lists, optional) if path.exists() or path.is_symlink() else []


@cache
def _read(text: str, name: str, texts: Names, lists: Names, optional: Names) -> list[dict[str, Any]]:
    stop_on(reading.unseen(text, name))
    found = frontmatter.value(text, name, what="YAML") or []
    remedy = f"Write a list of records, each with {', '.join(texts + lists)}; quote what YAML reads otherwise."
    if not isinstance(found, list):
        stop_on([Problem(name, 1, "this is no list", remedy)])
    lines = [number for number, row in enumerate(text.splitlines(), 1) if row.startswith("-")]
    problems = []
    for place, record in enumerate(found):
        wrong = _wrong(record, texts, lists, optional) if isinstance(record, dict) else [*texts, *lists]
        if wrong:
            message = f"this record lacks {', '.join(wrong)}, or gives something else for it"
            problems.append(Problem(name, lines[place] if place < len(lines) else 1, message, remedy))
    stop_on(problems)
    return found


def _wrong(record: dict[str, Any], texts: Names, lists: Names, optional: Names) -> list[str]:
    """The keys whose value is not what it must be."""
    wrong = [key for key in texts if not isinstance(record.get(key), str) or not record[key].strip()]
    for key in lists + optional:
        given = record.get(key, [] if key in optional else None)
        if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
            wrong.append(key)
    return wrong
