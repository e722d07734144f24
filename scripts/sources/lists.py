"""Data files in YAML: lists of records, and phrases by entry, read with the line of what is wrong."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scripts.problems import Problem, stop_on
from scripts.sources.frontmatter import UniqueKeys


def read(root: Path, name: str) -> tuple[str, list[dict[str, Any]]]:
    """Text and records of a file that is a list of records; empty where there is no file.

    Raises:
        BuildError: for a file that is no YAML, or no list of records.
    """
    text, data = _read(root, name)
    rows = data or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        stop_on([Problem(name, 1, "the file is no list of records", "Begin each record with '- id: …'.")])
    return text, rows


def read_phrases(root: Path, name: str) -> tuple[str, dict[str, list[str]]]:
    """Text and content of a file that maps ids to lists of phrases; empty where there is no file.

    Raises:
        BuildError: for a file that is no YAML, or of another form.
    """
    text, data = read_mapping(root, name)
    found: dict[str, list[str]] = {}
    for key, phrases in data.items():
        if not isinstance(phrases, list) or not all(isinstance(phrase, str) for phrase in phrases):
            remedy = "Write 'id:' and below it one phrase a line, '  - phrase'; quote one that YAML reads otherwise."
            stop_on([Problem(name, line_of(text, str(key)), f"'{key}' is no list of phrases", remedy)])
        found[str(key)] = list(phrases or [])
    return text, found


def read_mapping(root: Path, name: str) -> tuple[str, dict[Any, Any]]:
    """Text and content of a file of ``key: value`` lines; empty where there is no file.

    Raises:
        BuildError: for a file that is no YAML, or no mapping.
    """
    text, data = _read(root, name)
    if not isinstance(data or {}, dict):
        stop_on([Problem(name, 1, "the file is no list of 'key: value' lines", "Write one 'key: value' a line.")])
    return text, data or {}


def line_of(text: str, word: str) -> int:
    """The first line that holds ``word`` as a whole, else the first."""
    match = re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) if word else None
    return text.count("\n", 0, match.start()) + 1 if match else 1


def _read(root: Path, name: str) -> tuple[str, Any]:
    path = root / name
    if not path.exists():
        return "", None
    try:
        text = path.read_text(encoding="utf-8-sig")
        return text, _parsed(text)
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        stop_on([Problem(name, line, "the file is not UTF-8 text", "Save it as UTF-8.")])
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or "not readable"
        remedy = "Mend the YAML; put quotes around a value that holds ': ' or '#'."
        stop_on([Problem(name, (mark.line if mark else 0) + 1, f"broken YAML: {what}", remedy)])
        raise


@cache
def _parsed(text: str) -> Any:
    return yaml.load(text, Loader=UniqueKeys)
