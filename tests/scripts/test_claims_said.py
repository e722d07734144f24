"""What the build hears of a claim that fails, though asserts are rewritten for files with a failure alone."""

from __future__ import annotations

from pathlib import Path

from scripts import claims

FAILS = """
from pathlib import Path


def test_holds():
    assert 1 + 1 == 2


def test_numbers():
    found = 1 + 1
    assert found == 3


def test_fails_once():
    seen = Path("seen")
    before = seen.exists()
    seen.touch()
    assert before


def test_passes_once():
    tried = Path("tried")
    before = tried.exists()
    tried.touch()
    assert not before
"""


def test_a_failure_says_its_numbers_and_one_failure_is_enough(tmp_path: Path) -> None:
    """The second run gives words, and no verdict: neither to what failed in the first alone, nor to what passed it."""
    (tmp_path / "build").mkdir()
    (tmp_path / "test_fails.py").write_text(FAILS, encoding="utf-8")
    (tmp_path / "test_sound.py").write_text("def test_sound():\n    assert True\n", encoding="utf-8")
    results = claims._run(tmp_path, ["test_fails.py", "test_sound.py"], 1)
    cases = {case.name: case for file in results.values() for case in file}
    failed = ["test_fails_once", "test_numbers"]
    assert sorted(name for name, case in cases.items() if case.outcome == "failed") == failed
    assert len(cases) == 5
    assert "assert 2 == 3" in cases["test_numbers"].message
