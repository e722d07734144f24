"""What pure functions made is kept from build to build, and made again when anything that it depends on changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import formulas, memory
from scripts.generate import reader, search_terms
from scripts.problems import ROOT

ASKED: list[str] = []


@memory.remembered
def length(text: str, times: int = 1) -> int:
    """A function whose calls are counted."""
    ASKED.append(text)
    if not text:
        raise ValueError("nothing")
    return len(text) * times


@pytest.fixture(autouse=True)
def none_asked() -> None:
    ASKED.clear()


def test_the_next_build_takes_over_what_this_one_asked(tmp_path):
    with memory.kept(tmp_path):
        assert length("four") == length("four") == 4
    with memory.kept(tmp_path):
        assert length("four") == 4
    assert ASKED == ["four"]


def test_other_arguments_are_other_questions(tmp_path):
    with memory.kept(tmp_path):
        assert [length("ab"), length("ab", 2), length("ab", times=3), length("abc")] == [2, 4, 6, 3]
    assert len(ASKED) == 4


def test_arguments_cannot_run_into_each_other():
    keys = [
        memory._key(*args) for args in (("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c"), (b"abc",), ("1",), (1,))
    ]
    assert len(set(keys)) == len(keys)


def test_what_nobody_asks_again_is_forgotten(tmp_path):
    for asked in ("one", "other", "one"):
        with memory.kept(tmp_path):
            length(asked)
    assert ASKED == ["one", "other", "one"]


def test_other_code_or_other_packages_make_all_anew(tmp_path, monkeypatch):
    with memory.kept(tmp_path):
        length("four")
    monkeypatch.setattr(memory, "_rule", lambda: b"of another version")
    with memory.kept(tmp_path):
        length("four")
    assert ASKED == ["four", "four"]


def test_the_rule_is_of_all_code_that_remembered_functions_run(tmp_path, monkeypatch):
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "one.py").write_text("1")
    monkeypatch.setattr(memory, "ROOT", tmp_path)
    before = memory._rule.__wrapped__()
    assert memory._rule.__wrapped__() == before
    (tmp_path / "scripts" / "one.py").write_text("2")
    changed = memory._rule.__wrapped__()
    (tmp_path / "docs/theme/assets").mkdir(parents=True)
    (tmp_path / "docs/theme/assets/words.js").write_text("cut")
    assert len({before, changed, memory._rule.__wrapped__()}) == 3


def test_a_file_that_was_cut_short_is_none(tmp_path):
    with memory.kept(tmp_path):
        length("four")
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:-5])
    with memory.kept(tmp_path):
        assert length("four") == 4
    assert ASKED == ["four", "four"]


def test_an_exception_is_not_remembered_and_loses_nothing(tmp_path):
    def build() -> None:
        with memory.kept(tmp_path):
            length("four")
            length("")

    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            build()
    assert ASKED == ["four", "", ""]


def test_who_asks_of_a_part_only_takes_nothing_away(tmp_path):
    with memory.kept(tmp_path):
        length("one")
        length("two")
    with memory.kept(tmp_path, write=False):
        length("one")
        length("three")
    with memory.kept(tmp_path):
        length("two")
    assert ASKED == ["one", "two", "three"]


def test_scripts_that_the_build_runs_are_part_of_the_rule():
    """Whatever a module with a remembered function reads of this repository lies below one of the rules' folders."""
    found = [search_terms.WORDS, ROOT / reader.RULES, formulas.KATEX]
    assert all(path.is_file() for path in found)
    assert all(any(path.is_relative_to(ROOT / folder) for folder in memory.RULES) for path in found)


def test_many_questions_are_answered_by_several_processes(tmp_path):
    questions = [("x" * number,) for number in range(1, 3 * memory.FEW)]
    with memory.kept(tmp_path):
        assert memory.each(length, questions) == [len(text) for (text,) in questions]
    assert not ASKED  # in this process
    with memory.kept(tmp_path):
        assert memory.each(length, [*questions, ("one", 2)]) == [*(len(text) for (text,) in questions), 6]
    assert ASKED == ["one"]


def test_nothing_is_written_where_nothing_changed(tmp_path: Path):
    for _ in range(2):
        with memory.kept(tmp_path):
            length("four")
        times = [file.stat().st_mtime_ns for file in tmp_path.iterdir()]
    with memory.kept(tmp_path):
        length("four")
    assert [file.stat().st_mtime_ns for file in tmp_path.iterdir()] == times
