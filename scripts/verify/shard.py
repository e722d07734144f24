"""Splits the snippets between machines so that all end at about the same time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from scripts.report import Result
from scripts.verify.cache import write_atomically
from scripts.verify.discover import BadCall, Snippet

UNKNOWN = 1.0  # seconds, for a snippet that never ran


def parse(text: str) -> tuple[int, int]:
    """``"2/5"`` as numbers.

    Raises:
        BadCall: it is not I/N with 1 <= I <= N.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= count:
        raise BadCall(f"--shard {text}: give I/N with 1 <= I <= N, such as 2/5")
    return index, count


def durations(file: Path) -> dict[str, float]:
    """Seconds by path as an earlier report recorded them; empty when there is none."""
    try:
        rows = json.loads(file.read_text())["results"]
        return {row["path"]: float(row["seconds"]) for row in rows if row["status"] == "passed"}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def remember(file: Path, known: dict[str, float], results: Iterable[Result]) -> None:
    """Record the durations of what ran just now beside those of before, in the form of a report."""
    ran = {r.path: r.seconds for r in results if r.status == "passed" and not r.cached}
    if ran:
        rows = [{"path": path, "seconds": s, "status": "passed"} for path, s in sorted((known | ran).items())]
        write_atomically(file, json.dumps({"results": rows}).encode())


def split(snippets: list[Snippet], index: int, count: int, seconds: dict[str, float]) -> list[Snippet]:
    """The part of shard ``index`` of ``count``: the longest first, each to the shard with the least to do.

    The same snippets and durations give the same split on every machine.
    """
    loads = [0.0] * count
    mine: list[Snippet] = []
    for snippet in sorted(snippets, key=lambda s: (-seconds.get(s.path, UNKNOWN), s.path)):
        lightest = loads.index(min(loads))
        loads[lightest] += seconds.get(snippet.path, UNKNOWN)
        if lightest == index - 1:
            mine.append(snippet)
    return sorted(mine, key=lambda s: s.path)
