"""What snippets import from this repository: nothing, but that an experiment may import its own room's files."""

from __future__ import annotations

from collections.abc import Iterator

from scripts import companions
from scripts.companions import PACKAGE, SHARED
from scripts.problems import Problem
from scripts.sources import reading
from scripts.sources.catalog import Catalog

OURS = ("scripts", "tests", PACKAGE)
ALONE = "Readers copy this file alone: write out what it needs."


def check(catalog: Catalog) -> Iterator[Problem]:
    """Imports that would fail where a reader runs the file."""
    for snippet in catalog.snippets:
        allowed = {companion.module for companion in snippet.companions}
        for name, line in _from_here(snippet.data):
            if name in allowed or name.rpartition(".")[0] in allowed:
                continue
            remedy = ALONE
            if snippet.role == "evidence":
                room = snippet.path.rpartition("/")[0].replace("/", ".")
                remedy = (
                    f"An experiment may import what exists of {room}.<role> and {PACKAGE}.{SHARED.removesuffix('.py')}."
                )
            yield Problem(snippet.path, line, f"a snippet imports '{name}' from this repository", remedy)
    shared = catalog.root / PACKAGE / SHARED
    if shared.is_file():
        path = f"{PACKAGE}/{SHARED}"
        for name, line in _from_here(reading.text(shared, path).encode()):
            yield Problem(path, line, f"it imports '{name}' from this repository", ALONE)


def _from_here(content: bytes) -> Iterator[tuple[str, int]]:
    return ((name, line) for name, line in companions.imports(content) if name.split(".")[0] in OURS)
