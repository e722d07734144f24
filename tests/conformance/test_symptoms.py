"""Every symptom's page: what it says that readers see was seen in its planted runs. Causes have tests of their own."""

from __future__ import annotations

import ast

import pytest

from scripts import logs
from scripts.problems import ROOT
from scripts.report import Report
from scripts.sources import causes
from scripts.sources.catalog import load
from scripts.sources.pages import Entry
from scripts.stage import Stage

SYMPTOMS = [entry for entry in load().techniques if causes.is_symptom(entry)]
NO_CURVE = ("none", "fine")  # shapes of which a run need not print one


@pytest.fixture(scope="module")
def report() -> Report:
    """What the verifier saw of every program."""
    return Report.read(Stage(ROOT).verification)


def printed(report: Report, entry: Entry) -> list[str]:
    """What the broken programs of a page printed, an error that ended them included."""
    results = [report.first(snippet.path) for snippet in entry.snippets if snippet.role == "broken"]
    return [result.output for result in results if result]


@pytest.mark.parametrize("entry", SYMPTOMS, ids=lambda entry: entry.id)
def test_texts_that_readers_paste_are_those_of_this_torch(report: Report, entry: Entry) -> None:
    """Each text of an error or a warning that the page lists is printed by a broken program, or proved by its test."""
    runs, tree = printed(report, entry), ast.parse((ROOT / entry.test).read_text(encoding="utf-8"))
    tried = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}  # by calls of the test's own
    strange = [text for text in entry.facts("says") if text not in tried and not any(text in run for run in runs)]
    assert not strange, f"no broken program prints {strange}; give what it prints, or move the words to aliases"


@pytest.mark.parametrize("entry", SYMPTOMS, ids=lambda entry: entry.id)
def test_shape_is_drawn_from_a_run(report: Report, entry: Entry) -> None:
    """A page that names the shape of a curve has a run that prints one."""
    if entry.en.meta["looks"] not in NO_CURVE:
        assert any(logs.series(run) for run in printed(report, entry))
