"""What an experiment imports from this repository: files of its own room, and ``snippets/experiment.py``.

The experiment of a section's index, which compares entries, imports those of any room.

An experiment that counts the network of ``from_scratch.py`` imports it, so that what is counted is what is proved.
Nothing else that is published imports anything from here.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.memory import remembered

PACKAGE = "snippets"
SHARED = "experiment.py"  # of all experiments, beside the rooms


@dataclass(frozen=True)
class Companion:
    """A file that an experiment imports by the name ``module``; ``path`` is relative to the repository."""

    module: str
    path: str
    content: bytes

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.content).hexdigest()


def of(root: Path, path: str, content: bytes) -> tuple[Companion, ...]:
    """The companions of the file at ``path`` below ``root``, in order of their names; only an experiment has any."""
    room, _, name = path.rpartition("/")
    if not name.startswith("evidence"):
        return ()
    found = {}
    for module in imported(content):
        companion = f"{module.replace('.', '/')}.py"
        if companion != path and _may_import(room, companion):
            file = root / companion
            if file.is_file() and not file.is_symlink():
                found[module] = Companion(module, companion, file.read_bytes())
    return tuple(found.values())


def _may_import(room: str, companion: str) -> bool:
    if room.endswith("/index"):
        return companion.startswith(f"{PACKAGE}/")
    return companion == f"{PACKAGE}/{SHARED}" or companion.rpartition("/")[0] == room


def digest(content: bytes, companions: Iterable[Companion]) -> str:
    """Hash of the bytes that ran: those of the file, and of its companions where it has any."""
    whole = hashlib.sha256(content)
    for companion in companions:
        whole.update(b"\0" + companion.module.encode() + b"\0" + companion.content)
    return whole.hexdigest()


def imported(content: bytes) -> tuple[str, ...]:
    """Dotted names of the modules, or of what lies in them, that a file imports anywhere; none if it is no Python."""
    return tuple(sorted({name for name, _ in imports(content)}))


@remembered
def imports(content: bytes) -> tuple[tuple[str, int], ...]:
    """The same, each with its line."""
    return tuple(_imports(content))


def _imports(content: bytes) -> Iterator[tuple[str, int]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in _statements(tree.body):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Every statement, however deep; expressions, where most nodes are, hold none."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        for inner in ("body", "orelse", "finalbody", "handlers", "cases"):
            waiting += getattr(node, inner, ())
