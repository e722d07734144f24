"""An experiment imports what its room proves: of a second writing nobody knows whether it does the same.

What is another thing, such as one that counts as it goes or is wrong on purpose, bears another name.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts.generate import plain
from scripts.generate.site import Site
from scripts.report import Report
from tests.support.guide import guide

SNIPPETS = Path(__file__).resolve().parents[2] / "snippets"
EXPERIMENTS = sorted(SNIPPETS.glob("*/*/evidence*.py"))


def written(file: Path) -> set[str]:
    """Names of the functions and classes that a file writes itself."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda file: file.relative_to(SNIPPETS).as_posix())
def test_nothing_is_written_again(experiment: Path) -> None:
    """No function or class of an experiment has the name of one in the room's other programs."""
    others = [file for file in sorted(experiment.parent.glob("*.py")) if not file.name.startswith("evidence")]
    own = written(experiment)
    again = {f"{name} of {file.name}" for file in others for name in written(file) & own}
    assert not again, f"import {sorted(again)}, or give another thing another name"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_plain_markdown_says_where_imported_files_are(lang: str) -> None:
    """Under each program that imports files of this guide stand the archive and the command; under no other."""
    site = Site(guide(), Report("", "", "", 0.0, ()), {})
    told = 0
    for entry in guide().techniques:
        for snippet in entry.snippets:
            text = plain.markdown_of(site, entry, snippet, lang)
            command = f"python -m {snippet.path.removesuffix('.py').replace('/', '.')}"
            assert ("snippets.zip) " in text and command in text) == bool(snippet.companions), snippet.path
            told += bool(snippet.companions)
    assert told > 50
