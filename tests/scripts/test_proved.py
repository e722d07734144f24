"""`make test` takes over what `make site` has just proved, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import claims
from scripts.problems import ROOT
from tests.scripts.small_guide import edit, plant_whole
from tests.support import proved

TEST = "tests/snippets/demo/test_double.py"


def record(root: Path, outcome: str = "passed") -> None:
    """What a build keeps whose one claim came out so."""
    case = {"name": "test_linear", "line": 8, "outcome": outcome, "seconds": 0.1}
    result = {
        "key": claims.key(root, TEST),
        "torch": "2",
        "when": "now",
        "cases": [case, {**case, "name": "test_more"}],
    }
    (root / "build").mkdir(exist_ok=True)
    (root / "build" / "claims.json").write_text(json.dumps({TEST: result}), encoding="utf-8")


@pytest.fixture
def built(guide: Path) -> Path:
    """A guide whose claims were proved."""
    for name in ("conftest.py", "snippets/conftest.py"):
        (guide / "tests" / name).write_text("", encoding="utf-8")
    record(guide)
    return guide


def test_what_passed_and_did_not_change_is_taken_over(built):
    assert proved.proved(built) == {TEST: 2}


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (TEST, "Doubling is linear", "Doubling is linear, always"),
        ("snippets/demo/double/use.py", "return x + x", "return 2 * x"),
        ("snippets/demo/double/evidence.py", "tensor([0, 1])", "tensor([0, 3])"),
        ("tests/conftest.py", "", "import os\n"),
        ("tests/snippets/conftest.py", "", "import os\n"),
    ],
)
def test_a_file_runs_again_when_what_it_depends_on_changes(built, file, old, new):
    edit(built, file, old, new)
    assert proved.proved(built) == {}


def test_a_page_does_not_make_it_run_again(built):
    edit(built, "docs/en/demo/double.md", "summary: Doubles", "summary: Really doubles")
    assert proved.proved(built) == {TEST: 2}


@pytest.mark.parametrize("outcome", ["failed", "skipped"])
def test_what_did_not_pass_runs_again(built, outcome):
    record(built, outcome)
    assert proved.proved(built) == {}


def test_a_lost_test_file_or_no_build_is_no_proof(built):
    (built / TEST).unlink()
    assert proved.proved(built) == {}
    (built / "build" / "claims.json").unlink()
    assert proved.proved(built) == {}


def config(root: Path, *arguments: str, fresh: bool = False, **more: Any) -> Any:
    """What pytest knows of a session, as far as it matters here."""
    place = SimpleNamespace(dir=root)
    return SimpleNamespace(
        stash=pytest.Stash(), args=list(arguments), invocation_params=place, getoption=lambda _: fresh, **more
    )


@pytest.fixture
def counted(built, monkeypatch) -> list[str]:
    """The built guide as this repository; the test files whose key was computed."""
    asked: list[str] = []
    key = claims.key
    monkeypatch.setattr(proved, "ROOT", built)
    monkeypatch.setattr(claims, "key", lambda root, test: asked.append(test) or key(root, test))
    return asked


def test_a_key_is_computed_once_in_a_session(built, counted):
    """Not by each worker, nor for each folder or test."""
    session = config(built, "tests")
    workers = [SimpleNamespace(workerinput={}, config=session) for _ in range(3)]
    for worker in workers:
        proved.pytest_configure_node(worker)
        told = config(built, "tests", workerinput=worker.workerinput)
        for _ in range(2):
            assert proved.pytest_ignore_collect(built / TEST, told)
            assert not proved.pytest_ignore_collect(built / "tests/scripts/test_build.py", told)
    assert counted == [TEST]


@pytest.mark.parametrize(
    ("arguments", "fresh", "runs"),
    [
        (["tests"], False, False),
        (["tests/snippets/demo"], False, False),
        (["tests/snippets/demo/test_double.py"], False, True),
        (["tests/snippets/demo/test_double.py::test_linear"], False, True),
        (["tests"], True, True),
    ],
)
def test_what_is_named_or_wanted_fresh_runs(built, counted, arguments, fresh, runs):
    assert (not proved.pytest_ignore_collect(built / TEST, config(built, *arguments, fresh=fresh))) == runs


def test_pytest_obeys(tmp_path):
    """In a process of its own, with workers: the proved file is not even imported, and that is said."""
    root = plant_whole(tmp_path)
    (root / "tests" / "support").mkdir()
    shutil.copy(ROOT / "tests/support/proved.py", root / "tests/support/proved.py")
    (root / "tests" / "conftest.py").write_text('pytest_plugins = ["tests.support.proved"]\n', encoding="utf-8")
    (root / "tests" / "snippets" / "conftest.py").write_text("", encoding="utf-8")
    (root / "tests" / "test_other.py").write_text("def test_it():\n    pass\n", encoding="utf-8")
    edit(root, TEST, "import torch", "raise SystemExit('imported')")
    record(root)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    assert "2 tests of claims: taken over from make site" in done.stdout
