"""Words of figures, data tables and parameters that the Chinese edition could not say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts.generate import figures, snippets
from scripts.generate.site import Site
from scripts.problems import Problem
from scripts.sources import records
from scripts.sources.labels import FILE, twin


def problems(site: Site) -> Iterator[Problem]:
    """Every word without its twin in docs/zh/labels.yaml, at the mark of its figure or the line of its docstring."""
    labels = site.catalog.labels
    for entry in site.catalog.entries:
        have = site.artifacts(entry)
        page = entry.pages["zh"]
        for mark in page.of("embed"):
            stem = mark.target.rpartition(".")[0]
            shown = {mark.target, f"{stem}.csv"} & have.keys()
            words = set().union(*(_words(site.catalog.root, have[name]) for name in shown))
            for word in sorted(word for word in words if twin(labels, word) is None):
                yield _problem(page.path, mark.line, word, mark.target)
        for snippet in entry.snippets:
            if snippet.role == "from_scratch":
                for word in sorted(word for word in snippets.meanings(snippet) if word and twin(labels, word) is None):
                    yield _problem(snippet.path, records.line_of(snippet.text, word), word, "a table of parameters")


def _words(root: Path, name: str) -> set[str]:
    kind = "figure" if name.endswith(".svg") else "table"
    return figures.words((root / name).read_text(encoding="utf-8"), kind)


def _problem(path: str, line: int, word: str, place: str) -> Problem:
    remedy = f'Add a line to {FILE}: "{word}": 中文; a name stays as it is, and # stands for a number.'
    return Problem(path, line, f"'{word}' in {place} has no Chinese twin", remedy)
