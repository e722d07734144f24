"""Data files in YAML: lists of records, and phrases by entry; what is wrong in them is said with its line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from scripts.memory import remembered
from scripts.problems import Problem, stop_on
from scripts.sources import frontmatter, reading

Names = tuple[str, ...]
Fault = tuple[str, str, str]  # key, message, remedy
Faults = Callable[[Mapping[str, Any]], Iterator[Fault]]


def load(root: Path, name: str, texts: Names, lists: Names = (), optional: Names = ()) -> list[dict[str, Any]]:
    """The records of one file, each with these texts and lists of texts; none where there is no file.

    Raises:
        BuildError: for a file that is no such list, with the line of each record at fault.
    """
    text = source(root, name)
    return _read(text, name, texts, lists, optional) if text else []


def phrases(root: Path, name: str) -> tuple[str, dict[str, list[str]]]:
    """Text and content of a file that maps ids to lists of phrases; empty where there is no file.

    Raises:
        BuildError: for a file of another form.
    """
    text = source(root, name)
    return text, _phrases(text, name) if text else {}


def source(root: Path, name: str) -> str:
    """The text of a data file; empty where there is none.

    Raises:
        BuildError: for a file that is no text, or holds what nobody sees.
    """
    path = root / name
    if not path.exists() and not path.is_symlink():
        return ""
    text = reading.text(path, name)
    stop_on(reading.unseen(text, name))
    return text


def line_of(text: str, word: str) -> int:
    """The first line that holds ``word`` as a whole, else the first."""
    match = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) if word else None
    return text.count("\n", 0, match.start()) + 1 if match else 1


def mapping(root: Path, name: str) -> tuple[str, dict[str, Any]]:
    """Text and content of a file of ``key: value`` lines; empty where there is no file.

    Raises:
        BuildError: for a file that is no YAML, or no mapping.
    """
    text = source(root, name)
    data = frontmatter.value(text, name, what="YAML") or {}
    if not isinstance(data, dict):
        stop_on([Problem(name, 1, "the file is no list of 'key: value' lines", "Write one 'key: value' a line.")])
    return text, data


def rows(root: Path, name: str) -> tuple[str, list[dict[str, Any]]]:
    """Text and records of a file that is a list of records; empty where there is no file.

    Raises:
        BuildError: for a file that is no YAML, or no list of records.
    """
    text = source(root, name)
    found = frontmatter.value(text, name, what="YAML") or []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        stop_on([Problem(name, 1, "the file is no list of records", "Begin each record with '- id: …'.")])
    return text, found


def checked(root: Path, name: str, kind: str, faults: Faults) -> list[tuple[dict[str, Any], int]]:
    """The records of a file, each with the line in which it begins; no two of one id.

    Args:
        root: of the project.
        name: the file.
        kind: what a record is, as messages call it: ``recipe``.
        faults: what is wrong with one record: key, message and remedy of each fault.

    Raises:
        BuildError: for a file that is no list of records, and for every fault of a record, with its line.
    """
    text, found = rows(root, name)
    lines = [text.count("\n", 0, match.start()) + 1 for match in re.finditer(r"^- id:", text, re.MULTILINE)]
    stop_on(_faulty(text, name, kind, found, lines, faults))
    return list(zip(found, lines, strict=True))


def _faulty(
    text: str, name: str, kind: str, found: list[dict[str, Any]], lines: list[int], faults: Faults
) -> Iterator[Problem]:
    if len(found) != len(lines):
        yield Problem(name, 1, "a record does not begin with its id", "Begin each record with '- id: …'.")
        return
    seen: set[str] = set()
    for row, start in zip(found, lines, strict=True):
        for key, message, remedy in faults(row):
            yield Problem(name, _line_in(text, start, key), f"{kind} '{row['id']}': {message}", remedy)
        if row["id"] in seen:
            yield Problem(name, start, f"two records have the id '{row['id']}'", "Rename one of them.")
        seen.add(row["id"])


def _line_in(text: str, start: int, key: str) -> int:
    """The line of ``key`` in the record that begins in line ``start``."""
    record = text.split("\n")[start:]
    for number, line in enumerate(record, start + 1):
        if line.startswith("- "):
            break
        if line.startswith(f"  {key}:"):
            return number
    return start


def chosen(target: str, mark: str) -> tuple[str, ...] | None:
    """Ids of the records that ``--8<-- "<mark> id, id"`` names; None for another include."""
    if not target.startswith(mark):
        return None
    return tuple(part.strip() for part in target.removeprefix(mark).split(","))


@remembered
def _phrases(text: str, name: str) -> dict[str, list[str]]:
    data = frontmatter.value(text, name, what="YAML") or {}
    remedy = "Write 'id:' and below it one phrase a line, '  - phrase'; quote one that YAML reads otherwise."
    if not isinstance(data, dict):
        stop_on([Problem(name, 1, "this is no mapping of ids to phrases", remedy)])
    for key, listed in data.items():
        if not isinstance(listed, list) or not all(isinstance(phrase, str) for phrase in listed):
            stop_on([Problem(name, line_of(text, key), f"'{key}' is no list of phrases", remedy)])
    return dict(data)


@remembered
def _read(text: str, name: str, texts: Names, lists: Names, optional: Names) -> list[dict[str, Any]]:
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
