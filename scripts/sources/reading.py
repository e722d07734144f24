"""Reading a source file as text, or saying why it cannot be read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.problems import Problem, stop_on

# Controls, marks of direction, characters of no width, separators of lines that editors do not show as such.
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def text(path: Path, name: str) -> str:
    """The text of a UTF-8 file, its lines ended by line feeds, without a byte order mark.

    Args:
        path: the file.
        name: what error messages call it.

    Raises:
        BuildError: for a file that is not there, is a link, cannot be read, or is not UTF-8.
    """
    if path.is_symlink():
        remedy = "Put the file itself here: what is published must lie in the repository."
        stop_on([Problem(name, 1, "this is a link to another file", remedy)])
    try:
        data = path.read_bytes()
    except OSError as error:
        stop_on([Problem(name, 1, f"the file cannot be read: {error.strerror}", "Put a readable file here.")])
        raise
    try:
        found = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        stop_on([Problem(name, line, "the file is not UTF-8 text", "Save it as UTF-8.")])
        raise
    found = found.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in found:
        line = found.count("\n", 0, found.index("\x00")) + 1
        stop_on([Problem(name, line, "the invisible character U+0000", "Delete it.")])
    return found


def unseen(text: str, name: str) -> Iterator[Problem]:
    """Characters that a reader cannot see and that would change what is shown or copied."""
    for match in UNSEEN.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        yield Problem(name, line, f"the invisible character U+{ord(match.group()):04X}", "Delete it.")
