"""Every symptom's page: what it says that readers see was seen in its planted runs. Causes have tests of their own."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from scripts import logs
from scripts.problems import ROOT
from scripts.report import Report
from scripts.sources import causes
from scripts.sources.catalog import load
from scripts.sources.pages import Entry
from scripts.stage import Stage

SYMPTOMS = [entry for entry in load().techniques if causes.is_symptom(entry)]
NEED_NONE = (*causes.NO_CURVE, "fine")  # shapes of which a run need not print one


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
    if entry.en.meta["looks"] not in NEED_NONE:
        assert any(logs.series(run) for run in printed(report, entry))


def woken(source: str) -> list[str]:
    """Calls that put a whole model into train mode, but where ``if not model.training`` asks first.

    They would wake modules that were frozen in eval mode within a model that trains. A mode that is an argument of the
    function is the reader's own choice.
    """
    tree, asked = ast.parse(source), set[ast.AST]()
    chosen = {"False", *(node.arg for node in ast.walk(tree) if isinstance(node, ast.arg))}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.If)
            and isinstance(node.test, ast.UnaryOp)
            and ast.unparse(node.test).endswith(".training")
        ):
            asked |= {inner for statement in node.body for inner in ast.walk(statement)}
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "train"
        if node not in asked and not (node.args and ast.unparse(node.args[0]) in chosen)
    ]


PASTED = sorted((ROOT / "snippets").glob("checklist/*/check.py")) + sorted(
    (ROOT / "snippets").glob("diagnostics/*/use.py")
)


@pytest.mark.parametrize("path", PASTED, ids=lambda path: path.parent.name)
def test_no_check_wakes_a_frozen_module(path: Path) -> None:
    """A check of a symptom, or a diagnostic, leaves batch normalization that was frozen in eval mode frozen."""
    functions = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    assert not [call for function in functions for call in woken(ast.unparse(function))]


@pytest.mark.parametrize("path", PASTED, ids=lambda path: path.parent.name)
def test_no_check_moves_the_random_numbers_of_an_accelerator(path: Path) -> None:
    """``fork_rng(devices=[])`` puts back the processor's random numbers alone; dropout on a GPU draws from its own."""
    calls = [ast.unparse(node) for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    assert not [call for call in calls if call.endswith("fork_rng(devices=[])")]


def test_waking_is_seen() -> None:
    """On a copy, by a remembered mode, or without an argument; not where the mode was looked at before."""
    for line in ("copy.deepcopy(model).train()", "model.train(was_training)", "net.train()"):
        assert woken(line)
        assert not woken(f"if not net.training:\n    {line}")
    assert not woken("net.train(False)")
    assert not woken("def asked(model, training):\n    return copy.deepcopy(model).train(training)")
